//! User, capabilities and `no_new_privs`.

use super::plan::{Plan, Step, UserChoice};
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

/// A user to become.
struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Account {
    fn of(user: User) -> Account {
        // With the user's other groups: one of them may give access to an inventory.
        let name = CString::new(user.name.as_str()).ok();
        let groups = name.and_then(|name| unistd::getgrouplist(&name, user.gid).ok()).unwrap_or_else(|| vec![user.gid]);
        Account { name: user.name, uid: user.uid, gid: user.gid, groups }
    }

    /// The owner of a directory, who need not have a name: in a container or on a volume, many have none.
    fn owner(path: &Path) -> Option<Account> {
        let data = std::fs::metadata(path).ok()?;
        let (uid, gid) = (Uid::from_raw(data.uid()), Gid::from_raw(data.gid()));
        let named = User::from_uid(uid).ok().flatten().map(Account::of);
        Some(named.unwrap_or_else(|| Account { name: uid.to_string(), uid, gid, groups: vec![gid] }))
    }
}

/// Gives a directory that was just made to the user of this name, so that the process can write there as that user. What fails shows
/// when it is written.
pub fn give(path: &Path, user: &str) {
    if Uid::current().is_root()
        && let Ok(Some(user)) = User::from_name(user)
    {
        let _ = unistd::chown(path, Some(user.uid), Some(user.gid));
    }
}

const NAME: &str = "user";

fn become_user(plan: &Plan) -> Result<Step, String> {
    let now = Uid::current();
    let name_of = |uid: Uid| User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let account = match &plan.user {
        UserChoice::Same => None,
        UserChoice::OwnerOf(path) => Account::owner(path).filter(|owner| now.is_root() && !owner.uid.is_root()),
        UserChoice::Named(name) => {
            let user = User::from_name(name).map_err(|error| format!("sandbox.user: {name}: {error}"))?;
            Some(Account::of(user.ok_or_else(|| format!("sandbox.user: there is no user {name:?} on this system"))?))
        }
    };
    let Some(account) = account else {
        return Ok(match now.is_root() {
            true => Step::degraded(NAME, "root; set sandbox.user to run as another"),
            false => Step::done(NAME, name_of(now)),
        });
    };
    let name = &account.name;
    if account.uid == now {
        return Ok(Step::done(NAME, name.as_str()));
    }
    if !now.is_root() {
        let who = name_of(now);
        return Err(format!("sandbox.user: only root can become {name}, and Pegel was started by {who}"));
    }
    match switch_to(&account, plan.packet_sockets) {
        Ok(()) => Ok(Step::done(NAME, name.as_str())),
        // That was not asked for.
        Err(error) if matches!(plan.user, UserChoice::OwnerOf(_)) => {
            Ok(Step::degraded(NAME, format!("root; it cannot become {name}, the owner of state_dir: {error}")))
        }
        Err(error) => Err(format!("sandbox.user: cannot become {name}: {error}")),
    }
}

fn switch_to(account: &Account, keeps_capabilities: bool) -> io::Result<()> {
    if keeps_capabilities {
        set_keep_capabilities(true)?;
    }
    unistd::setgroups(&account.groups)?;
    unistd::setresgid(account.gid, account.gid, account.gid)?;
    unistd::setresuid(account.uid, account.uid, account.uid)?;
    Ok(())
}
