//! User, capabilities and `no_new_privs`.

use super::plan::{Plan, Step};
use nix::unistd::{self, Gid, Uid, User};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs,
};
use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Becomes the plan's user, drops capabilities, and forbids gaining any by running a program.
pub(super) fn drop(plan: &Plan) -> Result<Vec<Step>, String> {
    let kept = if plan.packet_sockets { CapabilitySet::NET_RAW } else { CapabilitySet::empty() };
    // Only with CAP_SETPCAP. Without, no program can be run anyway that would use it.
    let bounded = CapabilitySet::all().iter_names().all(|(_, one)| {
        // An older kernel does not know the newest.
        matches!(remove_capability_from_bounding_set(one), Ok(()) | Err(Errno::INVAL))
    });
    let user = become_user(plan)?;
    // An ambient capability that is no longer permitted is gone as well; kernels before 4.3 have none.
    let _ = clear_ambient_capability_set();
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    let capabilities = match set_capabilities(None, sets) {
        Ok(()) if kept.is_empty() => Step::done("capabilities", "none"),
        Ok(()) => Step::degraded("capabilities", "CAP_NET_RAW is kept: libpcap opens its own sockets"),
        // The capability to keep is not there, or the kernel refuses even to drop.
        Err(error) => Step::degraded("capabilities", format!("kept ({error})")),
    };
    let bounding = match bounded {
        true => Step::done("bounding set", "empty"),
        false => Step::done("bounding set", "as it was; no program can be run, see system calls"),
    };
    let no_new_privs = match set_no_new_privs(true) {
        Ok(()) => Step::done("no_new_privs", "set"),
        Err(error) => Step::degraded("no_new_privs", format!("not set ({error})")),
    };
    Ok(vec![user, capabilities, bounding, no_new_privs])
}

/// The owner of a file by name, where this process is root's and the file is not.
pub fn owner_of(path: &Path) -> Option<String> {
    let owner = Uid::from_raw(std::fs::metadata(path).ok()?.uid());
    let other = Uid::current().is_root() && !owner.is_root();
    other.then(|| User::from_uid(owner).ok().flatten()).flatten().map(|user| user.name)
}

fn become_user(plan: &Plan) -> Result<Step, String> {
    const NAME: &str = "user";
    let now = Uid::current();
    let name_of = |uid: Uid| User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let Some(name) = &plan.user else {
        return Ok(match now.is_root() {
            true => Step::degraded(NAME, "root; set sandbox.user to run as another"),
            false => Step::done(NAME, name_of(now)),
        });
    };
    let user = User::from_name(name).map_err(|error| format!("sandbox.user: {name}: {error}"))?;
    let user = user.ok_or_else(|| format!("sandbox.user: there is no user {name:?} on this system"))?;
    if user.uid == now {
        return Ok(Step::done(NAME, name.as_str()));
    }
    if !now.is_root() {
        let who = name_of(now);
        return Err(format!("sandbox.user: only root can become {name}, and Pegel was started by {who}"));
    }
    let failed = |error: io::Error| format!("sandbox.user: cannot become {name}: {error}");
    if plan.packet_sockets {
        set_keep_capabilities(true).map_err(|error| failed(error.into()))?;
    }
    // With the user's other groups: one of them may give access to an inventory.
    let c_name = CString::new(name.as_str()).map_err(|_| format!("sandbox.user: {name:?} is no name of a user"))?;
    let groups = unistd::getgrouplist(&c_name, user.gid).unwrap_or_else(|_| vec![user.gid]);
    let become_it = |groups: &[Gid]| {
        unistd::setgroups(groups)?;
        unistd::setresgid(user.gid, user.gid, user.gid)?;
        unistd::setresuid(user.uid, user.uid, user.uid)
    };
    become_it(&groups).map_err(|error| failed(error.into()))?;
    Ok(Step::done(NAME, name.as_str()))
}
