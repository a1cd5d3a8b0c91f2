//! The ops of the protocol on `Memory`: handles by number, results as JSON text.

use std::collections::HashMap;
use std::fmt::Write;

use crate::frames::{End, Event, Kind, Memory, FRAMES, PAGE, UNIQUE, UNUSED};
use crate::json::Value;

pub const OPS: [&str; 34] = [
    "frame_from_unused",
    "frame_from_in_use",
    "frame_clone",
    "frame_drop",
    "frame_into_raw",
    "frame_from_raw",
    "frame_reference_count",
    "frame_info",
    "frame_borrow",
    "frame_eq",
    "frame_downcast",
    "frame_to_uframe",
    "segment_from_unused",
    "segment_info",
    "segment_split",
    "segment_slice",
    "segment_clone",
    "segment_next",
    "segment_drop",
    "segment_from_frame",
    "segment_into_raw",
    "segment_from_raw",
    "segment_downcast",
    "segment_to_usegment",
    "unique_from_unused",
    "unique_info",
    "unique_set_val",
    "unique_repurpose",
    "unique_into_raw",
    "unique_from_raw",
    "unique_into_shared",
    "unique_try_from_shared",
    "unique_drop",
    "unique_reset_as_unused",
];

type Range = (u64, u64); // bytes, end exclusive

/// Handles of one kind: numbered in order of creation, never again after their end.
struct Table<T> {
    name: &'static str,
    live: Vec<Option<T>>,
}

impl<T: Copy> Table<T> {
    fn new(name: &'static str) -> Table<T> {
        Table {
            name,
            live: Vec::new(),
        }
    }

    fn add(&mut self, value: T) -> usize {
        self.live.push(Some(value));
        self.live.len() - 1
    }
}

/// Why an op was not run at all.
pub struct Refusal(String);

enum Stop {
    Refused(Refusal),
    Ended(End),
}

impl From<End> for Stop {
    fn from(end: End) -> Stop {
        Stop::Ended(end)
    }
}

type Answer = Result<String, Stop>;

pub struct Machine {
    memory: Memory,
    frames: Table<usize>,
    raws: Table<usize>,
    segments: Table<Range>,
    raw_segments: Table<Range>,
    uniques: Table<usize>,
    raw_uniques: Table<usize>,
    shown: Vec<(Kind, u64)>,
    has_ended: bool,
}

/// The arguments of the op that is being run.
struct Args<'a>(&'a HashMap<String, Value>);

fn refuse<T>(reason: String) -> Result<T, Stop> {
    Err(Stop::Refused(Refusal(reason)))
}

impl Args<'_> {
    fn number(&self, name: &str) -> Result<u64, Stop> {
        match self.0.get(name) {
            Some(Value::Number(number)) => Ok(*number),
            _ => refuse(format!("needs the number {name}")),
        }
    }

    fn val(&self) -> Result<u64, Stop> {
        if self.0.contains_key("val") {
            self.number("val")
        } else {
            Ok(0)
        }
    }

    fn kind(&self) -> Result<Kind, Stop> {
        match self.0.get("meta") {
            None => Ok(Kind::Unit),
            Some(Value::Text(name)) => match Kind::parse(name) {
                Some(kind) => Ok(kind),
                None => refuse(format!("unknown meta {name}")),
            },
            Some(_) => refuse("meta is a name".into()),
        }
    }

    fn get<T: Copy>(&self, table: &Table<T>) -> Result<T, Stop> {
        self.get_as(table, table.name)
    }

    fn get_as<T: Copy>(&self, table: &Table<T>, name: &str) -> Result<T, Stop> {
        let number = self.number(name)?;
        match table.live.get(number as usize) {
            Some(Some(value)) => Ok(*value),
            _ => refuse(format!("{name} {number} is not live")),
        }
    }

    fn take<T: Copy>(&self, table: &mut Table<T>) -> Result<T, Stop> {
        let value = self.get(table)?;
        table.live[self.number(table.name)? as usize] = None;
        Ok(value)
    }
}

fn pages(range: Range) -> std::ops::Range<usize> {
    (range.0 / PAGE) as usize..(range.1 / PAGE) as usize
}

fn empty() -> Answer {
    Ok("{}".into())
}

impl Machine {
    pub fn new() -> Machine {
        Machine {
            memory: Memory::new(),
            frames: Table::new("frame"),
            raws: Table::new("raw"),
            segments: Table::new("segment"),
            raw_segments: Table::new("raw_segment"),
            uniques: Table::new("unique"),
            raw_uniques: Table::new("raw_unique"),
            shown: vec![(Kind::Unit, UNUSED); FRAMES],
            has_ended: false,
        }
    }

    /// Run one op and write its answer line.
    pub fn answer(&mut self, op: &str, args: &HashMap<String, Value>, line: &mut String) {
        self.memory.events.clear();
        let result = match self.has_ended {
            true => refuse("the machine has ended; reset it".into()),
            false => self.run(op, &Args(args)),
        };
        line.push_str("{\"out\":");
        let _ = match result {
            Ok(value) => write!(line, "{{\"ok\":{value}}}"),
            Err(Stop::Refused(Refusal(reason))) => write!(line, "{{\"refused\":\"{reason}\"}}"),
            Err(Stop::Ended(End::Err(name))) => write!(line, "{{\"err\":\"{name}\"}}"),
            Err(Stop::Ended(End::Panic(code))) => {
                self.has_ended = true;
                write!(line, "{{\"panic\":\"{code}\"}}")
            }
            Err(Stop::Ended(End::Abort(code))) => {
                self.has_ended = true;
                write!(line, "{{\"abort\":\"{code}\"}}")
            }
        };
        self.show_changes(line);
        line.push_str("}\n");
    }

    fn show_changes(&mut self, line: &mut String) {
        let mut separator = ",\"slots\":[";
        for page in 0..FRAMES {
            let now = (self.memory.kind(page), self.memory.count(page));
            if self.shown[page] == now {
                continue;
            }
            self.shown[page] = now;
            let kind = now.0.name();
            let _ = match now.1 {
                UNUSED => write!(line, "{separator}[{page},\"unused\",\"UNUSED\"]"),
                UNIQUE => write!(line, "{separator}[{page},\"{kind}\",\"UNIQUE\"]"),
                0 => write!(line, "{separator}[{page},\"busy\",0]"),
                count => write!(line, "{separator}[{page},\"{kind}\",{count}]"),
            };
            separator = ",";
        }
        if separator == "," {
            line.push(']');
        }
        let mut separator = ",\"ev\":[";
        for event in &self.memory.events {
            let _ = match event {
                Event::OnDrop(kind, paddr, val) => {
                    write!(
                        line,
                        "{separator}[\"on_drop\",\"{}\",{paddr},{val}]",
                        kind.name()
                    )
                }
                Event::Freed(paddr) => write!(line, "{separator}[\"freed\",{paddr}]"),
            };
            separator = ",";
        }
        if separator == "," {
            line.push(']');
        }
    }

    fn run(&mut self, op: &str, args: &Args) -> Answer {
        match op.split_once('_') {
            Some(("frame", rest)) => self.frame_op(rest, args),
            Some(("segment", rest)) => self.segment_op(rest, args),
            Some(("unique", rest)) => self.unique_op(rest, args),
            _ => refuse(format!("unknown op {}", op.replace(['"', '\\'], "?"))),
        }
    }

    fn new_frame(&mut self, page: usize) -> Answer {
        Ok(format!("{{\"frame\":{}}}", self.frames.add(page)))
    }

    fn new_segment(&mut self, range: Range) -> Answer {
        Ok(format!("{{\"segment\":{}}}", self.segments.add(range)))
    }

    fn new_unique(&mut self, page: usize) -> Answer {
        Ok(format!("{{\"unique\":{}}}", self.uniques.add(page)))
    }

    fn describe(&self, page: usize) -> String {
        let (paddr, meta) = (page as u64 * PAGE, self.memory.kind(page).name());
        let val = self.memory.val(page);
        format!("\"paddr\":{paddr},\"size\":{PAGE},\"level\":1,\"meta\":\"{meta}\",\"val\":{val}")
    }

    fn frame_op(&mut self, op: &str, args: &Args) -> Answer {
        match op {
            "from_unused" => {
                let (paddr, kind, val) = (args.number("paddr")?, args.kind()?, args.val()?);
                let page = self.memory.claim(paddr, kind, val, 1)?;
                self.new_frame(page)
            }
            "from_in_use" => {
                let page = self.memory.share(args.number("paddr")?)?;
                self.new_frame(page)
            }
            "clone" => {
                let page = args.get(&self.frames)?;
                self.memory.inc(page)?;
                self.new_frame(page)
            }
            "drop" => {
                let page = args.take(&mut self.frames)?;
                self.memory.dec(page);
                empty()
            }
            "into_raw" => {
                let page = args.take(&mut self.frames)?;
                let (raw, paddr) = (self.raws.add(page), page as u64 * PAGE);
                Ok(format!("{{\"raw\":{raw},\"paddr\":{paddr}}}"))
            }
            "from_raw" => {
                let page = args.take(&mut self.raws)?;
                self.new_frame(page)
            }
            "reference_count" => {
                let count = self.memory.checked_count(args.get(&self.frames)?)?;
                Ok(format!("{{\"rc\":{count}}}"))
            }
            "info" => {
                let page = args.get(&self.frames)?;
                let untyped = self.memory.kind(page).is_untyped();
                Ok(format!("{{{},\"untyped\":{untyped}}}", self.describe(page)))
            }
            "borrow" => {
                let page = args.get(&self.frames)?;
                let count = self.memory.checked_count(page)?;
                Ok(format!(
                    "{{\"paddr\":{},\"rc\":{count}}}",
                    page as u64 * PAGE
                ))
            }
            "eq" => {
                let other = args.get_as(&self.frames, "other")?;
                Ok(format!("{{\"eq\":{}}}", args.get(&self.frames)? == other))
            }
            "downcast" => self.check(args.get(&self.frames)?, Some(args.kind()?)),
            "to_uframe" => self.check(args.get(&self.frames)?, None),
            _ => refuse("unknown op".into()),
        }
    }

    /// Check that a page has a kind of metadata, or without one that it is untyped.
    fn check(&self, page: usize, wanted: Option<Kind>) -> Answer {
        let kind = self.memory.kind(page);
        match wanted {
            Some(wanted) if kind != wanted => Err(End::Err("WrongType").into()),
            None if !kind.is_untyped() => Err(End::Err("NotUntyped").into()),
            _ => empty(),
        }
    }

    fn segment_op(&mut self, op: &str, args: &Args) -> Answer {
        match op {
            "from_unused" => {
                let range = (args.number("start")?, args.number("end")?);
                self.memory
                    .claim_range(range.0, range.1, args.kind()?, args.val()?)?;
                self.new_segment(range)
            }
            "info" => {
                let (start, end) = args.get(&self.segments)?;
                Ok(format!("{{\"paddr\":{start},\"size\":{}}}", end - start))
            }
            "split" => self.split(args),
            "slice" => {
                let (start, end) = args.get(&self.segments)?;
                let (from, to) = (args.number("start")?, args.number("end")?);
                if from % PAGE != 0 || to % PAGE != 0 {
                    return Err(End::Panic("offset-unaligned").into());
                }
                if from > to || to > end - start {
                    return Err(End::Panic("offset-out-of-bound").into());
                }
                self.share_range((start + from, start + to))
            }
            "clone" => self.share_range(args.get(&self.segments)?),
            "next" => {
                let number = args.number("segment")? as usize;
                let (start, end) = args.get(&self.segments)?;
                if start == end {
                    return Ok("{\"frame\":null}".into());
                }
                self.segments.live[number] = Some((start + PAGE, end));
                self.new_frame((start / PAGE) as usize)
            }
            "drop" => {
                let range = args.take(&mut self.segments)?;
                self.drop_range(range);
                empty()
            }
            "from_frame" => {
                let start = args.take(&mut self.frames)? as u64 * PAGE;
                self.new_segment((start, start + PAGE))
            }
            "into_raw" => {
                let (start, end) = args.take(&mut self.segments)?;
                let raw = self.raw_segments.add((start, end));
                Ok(format!(
                    "{{\"start\":{start},\"end\":{end},\"raw_segment\":{raw}}}"
                ))
            }
            "from_raw" => {
                let range = args.take(&mut self.raw_segments)?;
                self.new_segment(range)
            }
            "downcast" => self.check(self.first(args)?, Some(args.kind()?)),
            "to_usegment" => self.check(self.first(args)?, None),
            _ => refuse("unknown op".into()),
        }
    }

    fn first(&self, args: &Args) -> Result<usize, Stop> {
        let (start, end) = args.get(&self.segments)?;
        if start == end {
            return refuse("an empty segment has no metadata".into());
        }
        Ok((start / PAGE) as usize)
    }

    fn split(&mut self, args: &Args) -> Answer {
        let offset = args.number("offset")?;
        let (start, end) = args.take(&mut self.segments)?;
        let fault = match offset {
            _ if offset % PAGE != 0 => "offset-unaligned",
            _ if offset == 0 || offset >= end - start => "offset-out-of-bound",
            _ => {
                let left = self.segments.add((start, start + offset));
                let right = self.segments.add((start + offset, end));
                return Ok(format!("{{\"segments\":[{left},{right}]}}"));
            }
        };
        self.drop_range((start, end)); // taken by value, so unwinding drops it
        Err(End::Panic(fault).into())
    }

    fn share_range(&mut self, range: Range) -> Answer {
        for page in pages(range) {
            self.memory.inc(page)?;
        }
        self.new_segment(range)
    }

    fn drop_range(&mut self, range: Range) {
        for page in pages(range) {
            self.memory.dec(page);
        }
    }

    fn unique_op(&mut self, op: &str, args: &Args) -> Answer {
        match op {
            "from_unused" => {
                let (paddr, kind, val) = (args.number("paddr")?, args.kind()?, args.val()?);
                let page = self.memory.claim(paddr, kind, val, UNIQUE)?;
                self.new_unique(page)
            }
            "info" => Ok(format!("{{{}}}", self.describe(args.get(&self.uniques)?))),
            "set_val" => {
                self.memory.set_val(args.get(&self.uniques)?, args.val()?);
                empty()
            }
            "repurpose" => {
                let (kind, val) = (args.kind()?, args.val()?);
                let page = args.take(&mut self.uniques)?;
                self.memory.repurpose(page, kind, val);
                self.new_unique(page)
            }
            "into_raw" => {
                let page = args.take(&mut self.uniques)?;
                let (raw, paddr) = (self.raw_uniques.add(page), page as u64 * PAGE);
                Ok(format!("{{\"raw_unique\":{raw},\"paddr\":{paddr}}}"))
            }
            "from_raw" => {
                let page = args.take(&mut self.raw_uniques)?;
                self.new_unique(page)
            }
            "into_shared" => {
                let page = args.take(&mut self.uniques)?;
                self.memory.make_shared(page);
                self.new_frame(page)
            }
            "try_from_shared" => {
                let page = args.get(&self.frames)?;
                self.memory.make_unique(page)?;
                args.take(&mut self.frames)?;
                self.new_unique(page)
            }
            "drop" | "reset_as_unused" => {
                let page = args.take(&mut self.uniques)?;
                self.memory.retire(page, op == "drop");
                empty()
            }
            _ => refuse("unknown op".into()),
        }
    }
}
