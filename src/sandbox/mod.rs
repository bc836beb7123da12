//! What the process may do. After the start it needs few privileges, and gives the rest up; the [`helper`], a process of its own,
//! keeps those that are needed again: it opens packet sockets when an interface comes back, resolves names, and runs hooks and
//! the tools of posture checks.
//!
//! User, capabilities, Landlock and seccomp belong to a thread and are inherited by those that it starts. So [`enter`] is called by
//! the first thread before there is another.

mod files;
pub mod helper;
mod plan;
mod privileges;
mod proof;
mod syscalls;

pub use plan::{Plan, Step, StepState, UserChoice};
pub use privileges::give;
pub use proof::{Attempt, attempts};

/// Gives up what the plan does not keep, for this thread and those that it starts from now on. Returns what was done, in order.
///
/// # Errors
/// The user of the plan does not exist, or the process cannot become that user. What an old kernel cannot do is no error.
pub fn enter(plan: &Plan) -> Result<Vec<Step>, String> {
    let mut steps = privileges::drop(plan)?;
    // Each thread has its own; a process without /proc is not asked.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        steps.push(Step::degraded("threads", format!("{} run already and keep all that they have", threads - 1)));
    }
    steps.push(files::restrict(plan));
    steps.push(syscalls::restrict(plan.packet_sockets));
    Ok(steps)
}
