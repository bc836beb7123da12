//! Schemas of the types of this room for the description of the API (OpenAPI): all are written as text.

use super::{Addr, Direction, Mac, Pattern, PostureState, Severity, Timestamp, Vector, VectorClass};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

fn text(description: &str) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).description(Some(description))
}

macro_rules! schemas {
    ($($name:ident => $schema:expr;)*) => {
        $(
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::Object($schema.build()))
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

schemas! {
    Addr => text("IPv4 or IPv6 address");
    Mac => text("MAC address").pattern(Some("^([0-9a-f]{2}:){5}[0-9a-f]{2}$"));
    Timestamp => text("UTC").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Vector => text("Way of attack").enum_values(Some(Vector::ALL.iter().map(|vector| vector.name())));
    VectorClass => text("Class of a vector").enum_values(Some(VectorClass::ALL.iter().map(|class| class.name())));
    Pattern => text("Pattern over time or targets").enum_values(Some(Pattern::ALL.iter().map(|one| one.name())));
    Direction => text("Relative to our networks").enum_values(Some(Direction::ALL.iter().map(|one| one.name())));
    Severity => text("Urgency").enum_values(Some(Severity::ALL.iter().map(|severity| severity.name())));
    PostureState => text("State of a host check").enum_values(Some(["ok", "failed", "unknown"]));
}
