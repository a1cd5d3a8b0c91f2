//! Physical pages with reference counts: an implementation of its own, with real atomics.
//!
//! A count is `UNUSED`, `UNIQUE` (one exclusive owner), 0 while a page changes hands, or the number
//! of shared owners. Everything that a handle does goes through the count word of its page.

use std::sync::atomic::{AtomicU64, AtomicU8, Ordering};

pub const PAGE: u64 = 4096;
pub const FRAMES: usize = 64;
pub const UNUSED: u64 = u64::MAX;
pub const UNIQUE: u64 = u64::MAX - 1;
const MAX: u64 = (1 << 63) - 1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unit,
    Umeta,
    Tmeta,
    Link,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Unit, Kind::Umeta, Kind::Tmeta, Kind::Link];

    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Unit => "unit",
            Kind::Umeta => "umeta",
            Kind::Tmeta => "tmeta",
            Kind::Link => "link",
        }
    }

    pub fn is_untyped(self) -> bool {
        self != Kind::Tmeta
    }
}

/// How a call ends that does not return a value.
pub enum End {
    Err(&'static str),
    Panic(&'static str),
    Abort(&'static str),
}

pub type Outcome<T> = Result<T, End>;

/// What an observer sees besides the result.
pub enum Event {
    OnDrop(Kind, u64, u64),
    Freed(u64),
}

struct Slot {
    count: AtomicU64,
    kind: AtomicU8,
    val: AtomicU64,
}

/// The pages. `events` collects what happened since it was last taken.
pub struct Memory {
    slots: Vec<Slot>,
    pub events: Vec<Event>,
}

impl Memory {
    pub fn new() -> Memory {
        let slot = || Slot {
            count: AtomicU64::new(UNUSED),
            kind: AtomicU8::new(0),
            val: AtomicU64::new(0),
        };
        Memory {
            slots: (0..FRAMES).map(|_| slot()).collect(),
            events: Vec::new(),
        }
    }

    pub fn count(&self, page: usize) -> u64 {
        self.slots[page].count.load(Ordering::Acquire)
    }

    pub fn kind(&self, page: usize) -> Kind {
        Kind::ALL[self.slots[page].kind.load(Ordering::Relaxed) as usize]
    }

    pub fn val(&self, page: usize) -> u64 {
        match self.kind(page) {
            Kind::Unit => 0,
            _ => self.slots[page].val.load(Ordering::Relaxed),
        }
    }

    pub fn set_val(&self, page: usize, val: u64) {
        self.slots[page].val.store(val, Ordering::Relaxed);
    }

    fn page_of(paddr: u64) -> Outcome<usize> {
        if paddr % PAGE != 0 {
            return Err(End::Err("NotAligned"));
        }
        if paddr >= FRAMES as u64 * PAGE {
            return Err(End::Err("OutOfBound"));
        }
        Ok((paddr / PAGE) as usize)
    }

    /// Claim an unused page; its count becomes `count`.
    pub fn claim(&self, paddr: u64, kind: Kind, val: u64, count: u64) -> Outcome<usize> {
        let page = Memory::page_of(paddr)?;
        let slot = &self.slots[page];
        let taken = slot
            .count
            .compare_exchange(UNUSED, 0, Ordering::Acquire, Ordering::Relaxed);
        match taken {
            Ok(_) => {}
            Err(UNIQUE) => return Err(End::Err("Unique")),
            Err(0) => return Err(End::Err("Busy")),
            Err(_) => return Err(End::Err("InUse")),
        }
        self.write_meta(page, kind, val);
        slot.count.store(count, Ordering::Release);
        Ok(page)
    }

    fn write_meta(&self, page: usize, kind: Kind, val: u64) {
        self.slots[page].kind.store(kind as u8, Ordering::Relaxed);
        self.slots[page].val.store(val, Ordering::Relaxed);
    }

    /// Add a reference to a page that somebody shares.
    pub fn share(&self, paddr: u64) -> Outcome<usize> {
        let page = Memory::page_of(paddr)?;
        let count = &self.slots[page].count;
        let mut seen = count.load(Ordering::Relaxed);
        loop {
            match seen {
                UNUSED => return Err(End::Err("Unused")),
                UNIQUE => return Err(End::Err("Unique")),
                0 => return Err(End::Err("Busy")),
                MAX.. => return Err(End::Abort("ref-count-saturated")),
                _ => {}
            }
            match count.compare_exchange_weak(seen, seen + 1, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(page),
                Err(now) => seen = now,
            }
        }
    }

    /// Add a reference through one that exists.
    pub fn inc(&self, page: usize) -> Outcome<()> {
        match self.slots[page].count.fetch_add(1, Ordering::Relaxed) {
            0 | UNUSED => Err(End::Panic("ref-count-not-live")),
            MAX.. => Err(End::Abort("ref-count-saturated")),
            _ => Ok(()),
        }
    }

    /// Give a reference back; the last one frees the page.
    pub fn dec(&mut self, page: usize) {
        if self.slots[page].count.fetch_sub(1, Ordering::Release) == 1 {
            std::sync::atomic::fence(Ordering::Acquire);
            self.retire(page, true);
        }
    }

    /// Tear the metadata down and make the page unused; `is_freed` tells the allocator, too.
    pub fn retire(&mut self, page: usize, is_freed: bool) {
        self.drop_meta(page);
        self.write_meta(page, Kind::Unit, 0);
        self.slots[page].count.store(UNUSED, Ordering::Release);
        if is_freed {
            self.events.push(Event::Freed(page as u64 * PAGE));
        }
    }

    fn drop_meta(&mut self, page: usize) {
        let kind = self.kind(page);
        if kind != Kind::Unit {
            let val = self.val(page);
            self.events
                .push(Event::OnDrop(kind, page as u64 * PAGE, val));
        }
    }

    /// Replace the metadata of an exclusively owned page.
    pub fn repurpose(&mut self, page: usize, kind: Kind, val: u64) {
        self.drop_meta(page);
        self.write_meta(page, kind, val);
    }

    /// Turn the only shared reference into exclusive ownership.
    pub fn make_unique(&self, page: usize) -> Outcome<()> {
        let count = &self.slots[page].count;
        let expected = match count.load(Ordering::Relaxed) {
            2 if cfg!(feature = "bug-try-unique") => 2,
            _ => 1,
        };
        count
            .compare_exchange(expected, UNIQUE, Ordering::Acquire, Ordering::Relaxed)
            .map(|_| ())
            .map_err(|_| End::Err("Shared"))
    }

    pub fn make_shared(&self, page: usize) {
        self.slots[page].count.store(1, Ordering::Release);
    }

    /// Read the count for a caller, who may not see a saturated one.
    pub fn checked_count(&self, page: usize) -> Outcome<u64> {
        match self.count(page) {
            MAX.. => Err(End::Panic("ref-count-saturated")),
            count => Ok(count),
        }
    }

    /// Claim every page of a range, or none.
    pub fn claim_range(&mut self, start: u64, end: u64, kind: Kind, val: u64) -> Outcome<()> {
        if start % PAGE != 0 || end % PAGE != 0 {
            return Err(End::Err("NotAligned"));
        }
        if end > FRAMES as u64 * PAGE {
            return Err(End::Err("OutOfBound"));
        }
        if start >= end {
            return Err(End::Panic("range-empty"));
        }
        for page in start / PAGE..end / PAGE {
            if let Err(error) = self.claim(page * PAGE, kind, val.wrapping_add(page), 1) {
                let kept = cfg!(feature = "bug-rollback") as u64;
                for taken in start / PAGE + kept..page {
                    self.dec(taken as usize);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}
