//! The timer, the signal and its handler: all that is unsafe.
//!
//! The handler runs on whatever thread the kernel picks, between any two instructions of it. It does what POSIX allows
//! there (signal-safety(7)): atomics on memory that was prepared before, and plain system calls.

#![allow(unsafe_code, reason = "registers and stack of an interrupted thread can be read in no other way")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// Most frames of a stack.
pub(crate) const DEPTH: usize = 127;

/// A stack takes this many words: how many frames there are, and the frames.
const STRIDE: usize = DEPTH + 1;

/// Where the handler writes to; null while no profile is taken. Process-wide, as the signal is.
static SAMPLES: AtomicPtr<Samples> = AtomicPtr::new(ptr::null_mut());

/// How many threads are in the handler.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Whether a profile is being taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Room for stacks.
pub(crate) struct Samples {
    words: Box<[AtomicUsize]>,
    /// How many were taken, those included for which there was no room.
    taken: AtomicUsize,
}

impl Samples {
    fn with_room_for(stacks: usize) -> Self {
        let words = (0..stacks * STRIDE).map(|_| AtomicUsize::new(0)).collect();
        Self { words, taken: AtomicUsize::new(0) }
    }

    /// Addresses, innermost first.
    pub(crate) fn stacks(&self) -> impl Iterator<Item = Vec<usize>> {
        self.words.chunks(STRIDE).take(self.taken.load(Ordering::Acquire)).map(|stack| {
            let (depth, frames) = stack.split_first().expect("a stack has words");
            let depth = depth.load(Ordering::Relaxed).min(DEPTH);
            frames[..depth].iter().map(|frame| frame.load(Ordering::Relaxed)).collect()
        })
    }

    /// How many found no room.
    pub(crate) fn lost(&self) -> usize {
        self.taken.load(Ordering::Acquire).saturating_sub(self.words.len() / STRIDE)
    }

    fn take(&self, context: &libc::ucontext_t) {
        let at = self.taken.fetch_add(1, Ordering::AcqRel);
        let Some(stack) = self.words.get(at * STRIDE..(at + 1) * STRIDE) else { return };
        let (pc, mut frame, stack_end) = registers(context);
        stack[1].store(pc, Ordering::Relaxed);
        let mut depth = 1;
        let mut below = stack_end;
        // Stacks grow down, and a frame holds the caller's frame and the address to return to.
        while depth < DEPTH && frame > below && frame % size_of::<usize>() == 0 {
            let Some([caller, return_to]) = read(frame) else { break };
            if return_to < 4096 {
                break;
            }
            // The call is before the address that it returns to.
            stack[depth + 1].store(return_to - 1, Ordering::Relaxed);
            depth += 1;
            (below, frame) = (frame, caller);
        }
        stack[0].store(depth, Ordering::Relaxed);
    }
}

/// A profile that is being taken. Ends with it.
pub(crate) struct Running;

impl Running {
    /// `None` while another one is taken.
    pub(crate) fn start(hz: u32, room: usize) -> io::Result<Option<Self>> {
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Ok(None);
        }
        let running = Self;
        install()?;
        let samples = Box::into_raw(Box::new(Samples::with_room_for(room)));
        SAMPLES.store(samples, Ordering::SeqCst);
        set_timer(Duration::from_secs(1) / hz.max(1))?;
        Ok(Some(running))
    }

    /// Ends it. What was taken, if anything was begun.
    pub(crate) fn finish(self) -> Option<Box<Samples>> {
        let samples = stop();
        drop(self);
        samples
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(stop());
        TAKEN.store(false, Ordering::Release);
    }
}

fn stop() -> Option<Box<Samples>> {
    let _cannot_fail = set_timer(Duration::ZERO);
    let samples = SAMPLES.swap(ptr::null_mut(), Ordering::SeqCst);
    // A handler that has seen the samples is still counted here; one that comes later sees none.
    while INSIDE.load(Ordering::SeqCst) != 0 {
        std::hint::spin_loop();
    }
    // SAFETY: it comes from `Box::into_raw` in `start`, the swap has taken it out for nobody else, and no handler uses it.
    (!samples.is_null()).then(|| unsafe { Box::from_raw(samples) })
}

/// Installs the handler for good: a signal that is late must not find the default action, which ends the process.
fn install() -> io::Result<()> {
    // SAFETY: both structures are valid when zeroed, and filled in before they are given to the system.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGPROF, ptr::null(), &raw mut before) != 0 {
            return Err(io::Error::last_os_error());
        }
        let ours = on_signal as *const () as libc::sighandler_t;
        if before.sa_sigaction == ours {
            return Ok(());
        }
        if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN {
            return Err(io::Error::other("another profiler of this process uses SIGPROF"));
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        match libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut()) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn set_timer(every: Duration) -> io::Result<()> {
    let interval = libc::timeval {
        tv_sec: every.as_secs().try_into().unwrap_or_default(),
        tv_usec: every.subsec_micros().into(),
    };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the structure lives as long as the call.
    match unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is the thread's own, and whatever it was doing must find it as it was. The context is what the kernel
    // gives a handler with SA_SIGINFO. The samples are not freed before INSIDE is down again: see `stop`.
    unsafe {
        let errno = *libc::__errno_location();
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let samples = SAMPLES.load(Ordering::SeqCst);
        if let (Some(samples), Some(context)) =
            (samples.as_ref(), context.cast::<libc::ucontext_t>().as_ref())
        {
            samples.take(context);
        }
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        *libc::__errno_location() = errno;
    }
}

/// Program counter, frame pointer, end of the stack.
fn registers(context: &libc::ucontext_t) -> (usize, usize, usize) {
    #[cfg(target_arch = "x86_64")]
    {
        let at = |register: libc::c_int| context.uc_mcontext.gregs[register as usize] as usize;
        (at(libc::REG_RIP), at(libc::REG_RBP), at(libc::REG_RSP))
    }
    #[cfg(target_arch = "aarch64")]
    {
        let machine = &context.uc_mcontext;
        (machine.pc as usize, machine.regs[29] as usize, machine.sp as usize)
    }
}

/// Two words of this process's memory, if there is memory at that address: the kernel looks, and says so if there is not.
fn read(address: usize) -> Option<[usize; 2]> {
    let mut words = [0_usize; 2];
    let size = size_of_val(&words);
    let here = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
    let there = libc::iovec { iov_base: ptr::without_provenance_mut(address), iov_len: size };
    // SAFETY: `here` is the array above; `there` is only read, by the kernel, which checks it.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const here, 1, &raw const there, 1, 0) };
    (usize::try_from(read) == Ok(size)).then_some(words)
}
