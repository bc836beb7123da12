//! System calls, with seccomp (seccomp(2)): those of a program that reads and writes files and sockets and has threads. Not among
//! them: running programs and making processes, raw and packet sockets, memory that can be executed, and everything that
//! administers a machine (mount, bpf, ptrace, modules, keys, io_uring, clock …).

use super::plan::Step;
use libc::c_long;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;

const NAME: &str = "system calls";

/// asm-generic/ioctls.h; its type in `libc` depends on the C library.
const TIOCSTI: u64 = 0x5412;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn restrict(packet_sockets: bool) -> Step {
    match filters(packet_sockets) {
        Ok(count) => Step::done(NAME, format!("{count} allowed; none that runs a program or makes a process")),
        Err(error) => Step::degraded(NAME, format!("not restricted ({error})")),
    }
}

fn filters(packet_sockets: bool) -> Result<usize, seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let install = |rules: Rules, otherwise, then| {
        let filter = SeccompFilter::new(rules, otherwise, then, arch)?;
        apply_filter(&seccompiler::BpfProgram::try_from(filter)?)
    };
    // The flags of clone3 are in memory, where a filter cannot read them: as on a kernel without it, the C library then uses clone.
    let clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    install(clone3, SeccompAction::Allow, absent)?;
    let rules = allowed(packet_sockets)?;
    let count = rules.len();
    install(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    Ok(count)
}

/// All conditions on the lower half of an argument, by its index.
fn rule(conditions: &[(u8, Compare, u64)]) -> Result<SeccompRule, seccompiler::Error> {
    let conditions = conditions
        .iter()
        .map(|(argument, compare, value)| SeccompCondition::new(*argument, Width::Dword, compare.clone(), *value));
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}

fn allowed(packet_sockets: bool) -> Result<Rules, seccompiler::Error> {
    let mut rules: Rules = ALLOWED.iter().chain(OF_ARCHITECTURE).map(|&number| (number, Vec::new())).collect();
    // Families and kinds of sockets. The kind's upper bits are SOCK_CLOEXEC and SOCK_NONBLOCK.
    const KIND: u64 = 0xf;
    let mut sockets = Vec::new();
    for family in [libc::AF_UNIX, libc::AF_NETLINK] {
        sockets.push(rule(&[(0, Compare::Eq, family as u64)])?);
    }
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            sockets.push(rule(&[(0, Compare::Eq, family as u64), (1, Compare::MaskedEq(KIND), kind as u64)])?);
        }
    }
    if packet_sockets {
        sockets.push(rule(&[(0, Compare::Eq, libc::AF_PACKET as u64)])?);
    }
    rules.insert(libc::SYS_socket, sockets);
    // Threads, not processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![rule(&[(0, Compare::MaskedEq(thread), thread)])?]);
    for number in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(number, vec![rule(&[(2, Compare::MaskedEq(libc::PROT_EXEC as u64), 0)])?]);
    }
    // Names of threads and, by the C library, of memory.
    let mut prctls = Vec::new();
    for option in [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA] {
        prctls.push(rule(&[(0, Compare::Eq, option as u64)])?);
    }
    rules.insert(libc::SYS_prctl, prctls);
    // All but the one that types into a terminal.
    rules.insert(libc::SYS_ioctl, vec![rule(&[(1, Compare::Ne, TIOCSTI)])?]);
    Ok(rules)
}

/// Allowed with any arguments, on every architecture.
const ALLOWED: &[c_long] = &[
    // Threads, time and signals of this process.
    libc::SYS_clone3,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getitimer,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_membarrier,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    // What the process is.
    libc::SYS_capget,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_umask,
    libc::SYS_uname,
    // Memory that cannot be executed: mmap and mprotect have rules of their own.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Descriptors.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_fcntl,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_write,
    libc::SYS_writev,
    // Files: which ones, Landlock decides.
    libc::SYS_copy_file_range,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sync,
    libc::SYS_sync_file_range,
    libc::SYS_truncate,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    // Sockets: `socket` has rules of its own.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
];

/// Older forms of the same, which x86-64 has and the C library uses there.
#[cfg(target_arch = "x86_64")]
const OF_ARCHITECTURE: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_ARCHITECTURE: &[c_long] = &[];
