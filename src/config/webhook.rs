//! `[[webhook]]`: HTTP servers that are sent incidents as JSON.

use super::endpoint::{self, BEARER_TOKEN_FILE, CA_FILE, MIN_SEVERITY, NAME, PASSWORD_FILE, USERNAME};
use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::Names;
use crate::output::webhook::WebhookConfig;

pub(super) const SECTION: Section = Section {
    heading: "[[webhook]]",
    reload: Reload::Restart,
    doc: "An HTTP server that receives incidents as JSON (POST) when they open, change and close, in order; a \
          failed message is retried. Repeat for each server, up to 16.",
    keys: &[
        &URL,
        &NAME,
        &MIN_SEVERITY,
        &TIMEOUT_SECONDS,
        &SECRET_FILE,
        &CA_FILE,
        &USERNAME,
        &PASSWORD_FILE,
        &BEARER_TOKEN_FILE,
    ],
};

const URL: Key = Key {
    name: "url",
    kind: Kind::Text("a URL"),
    default: DefaultValue::Required("\"https://portal.example/ddos\""),
    doc: "URL to post to, without user name and password.",
};

const TIMEOUT_SECONDS: Key = Key {
    name: "timeout_seconds",
    kind: Kind::Whole { min: 1, max: 60, unit: "seconds" },
    default: DefaultValue::Whole(10),
    doc: "Time limit for one attempt, from connection to response.",
};

const SECRET_FILE: Key = Key {
    name: "secret_file",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Absent("\"/etc/pegel/portal.secret\""),
    doc: "File with a secret that signs each message: Pegel-Signature: t=SECONDS,v1=HEX, where HEX is the \
          HMAC-SHA256 of SECONDS.BODY. Unless written, messages are not signed.",
};

pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, webhooks: &mut Vec<WebhookConfig>) {
    let severity = endpoint::min_severity(section);
    let secret_file = section.text(&SECRET_FILE).into();
    if let Some((name, endpoint)) = endpoint::read(section, &URL, &TIMEOUT_SECONDS, names) {
        webhooks.push(WebhookConfig { name, endpoint, severity, secret_file });
    }
}

pub(super) fn write(webhooks: &[WebhookConfig], page: &mut Page) {
    for webhook in webhooks {
        page.table(&SECTION);
        page.text(&NAME, &webhook.name);
        endpoint::write(&webhook.endpoint, &URL, &TIMEOUT_SECONDS, page);
        page.text(&MIN_SEVERITY, webhook.severity);
        page.path_unless_empty(&SECRET_FILE, &webhook.secret_file);
    }
}
