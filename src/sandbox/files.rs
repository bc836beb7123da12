//! Files and TCP ports, with Landlock (<https://docs.kernel.org/userspace-api/landlock.html>, Linux 5.13; ports since 6.7).
//!
//! A rule belongs to a file or directory, not to its name. Files that are replaced rather than written need a rule for their
//! directory.

use super::plan::{Plan, Step};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

const NAME: &str = "files and ports";

/// The newest version whose rights are asked for. Kernels that know fewer enforce those that they know.
const NEWEST: ABI = ABI::V6;

pub(super) fn restrict(plan: &Plan) -> Step {
    let status = match landlock(plan) {
        Ok(status) => status,
        Err(error) => return Step::degraded(NAME, format!("not restricted ({error})")),
    };
    let ports = match plan.connect.as_slice() {
        [] => "no TCP connection".to_owned(),
        ports => format!("TCP to ports {}", ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")),
    };
    let paths = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    };
    let detail = format!("read {}; write {}; {ports}", paths(&plan.readable), paths(&plan.writable));
    match status {
        RulesetStatus::FullyEnforced => Step::done(NAME, detail),
        RulesetStatus::PartiallyEnforced => {
            Step::degraded(NAME, format!("{detail}; this kernel's Landlock is old and restricts a part of it"))
        }
        RulesetStatus::NotEnforced => Step::degraded(NAME, "not restricted: this kernel has no Landlock (5.13)"),
    }
}

fn landlock(plan: &Plan) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write: BitFlags<AccessFs> = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let devices = read | AccessFs::WriteFile;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::Signal)?
        .create()?
        // A path that does not exist gets no rule.
        .add_rules(path_beneath_rules(&plan.readable, read))?
        .add_rules(path_beneath_rules(&plan.writable, write))?
        .add_rules(path_beneath_rules(["/dev/null"], devices))?;
    for port in &plan.connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}
