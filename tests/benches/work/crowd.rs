//! Many threads and processes at once.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use portshim_tests::work::task::{Answer, Crowd};
use std::io::{Error, PipeReader, PipeWriter, Read, Result, Write, pipe};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Lets so many do `once` so many times each, on all processors: the mean of what each of them
/// took.
pub(crate) fn together<F: Fn() -> Result<()> + Sync>(crowd: Crowd, size: u32, times: u32, once: F) -> Result<Answer> {
    let here = sched_getaffinity(Pid::from_raw(0))?;
    sched_setaffinity(Pid::from_raw(0), &everywhere()?)?;
    let took = match crowd {
        Crowd::Threads => threads(size, times, &once),
        Crowd::Processes => processes(size, times, &once),
    };
    sched_setaffinity(Pid::from_raw(0), &here)?;
    let nanos = took?.as_nanos() / u128::from(size.max(1));
    Ok(Answer::Took { calls: u64::from(times), nanos: nanos.try_into().unwrap_or(u64::MAX) })
}

/// All processors; the kernel leaves out those that this process may not use.
fn everywhere() -> Result<CpuSet> {
    let mut all = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        all.set(cpu)?;
    }
    Ok(all)
}

fn timed(times: u32, once: &impl Fn() -> Result<()>) -> Result<Duration> {
    let since = Instant::now();
    for _ in 0..times {
        once()?;
    }
    Ok(since.elapsed())
}

/// The sum of what all threads took.
fn threads<F: Fn() -> Result<()> + Sync>(size: u32, times: u32, once: &F) -> Result<Duration> {
    let start = Barrier::new(size as usize);
    std::thread::scope(|scope| {
        let run = || {
            start.wait();
            timed(times, once)
        };
        let all: Vec<_> = (0..size).map(|_| scope.spawn(run)).collect();
        all.into_iter().map(|one| one.join().map_err(|_| Error::other("a thread panicked"))?).sum()
    })
}

/// The sum of what all processes took.
fn processes<F: Fn() -> Result<()>>(size: u32, times: u32, once: &F) -> Result<Duration> {
    let (ready, may_start) = pipe()?;
    let (mut told, tell) = pipe()?;
    let mut children = Vec::new();
    for _ in 0..size {
        // SAFETY: this process has one thread now, so its child may do anything.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => children.push(child),
            ForkResult::Child => {
                drop(may_start);
                let done = child(ready, tell, times, once);
                // SAFETY: _exit(2) has no conditions.
                unsafe { libc::_exit(i32::from(done.is_err())) }
            }
        }
    }
    drop((ready, may_start, tell));
    let mut each = Vec::new();
    told.read_to_end(&mut each)?;
    for child in children {
        if waitpid(child, None)? != WaitStatus::Exited(child, 0) {
            return Err(Error::other("a child failed"));
        }
    }
    let nanos = each.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes).sum();
    Ok(Duration::from_nanos(nanos))
}

fn child(mut ready: PipeReader, mut tell: PipeWriter, times: u32, once: &impl Fn() -> Result<()>) -> Result<()> {
    // All start when the parent closes its end.
    ready.read_to_end(&mut Vec::new())?;
    let nanos = u64::try_from(timed(times, once)?.as_nanos()).unwrap_or(u64::MAX);
    tell.write_all(&nanos.to_le_bytes())
}
