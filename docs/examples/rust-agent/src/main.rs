//! A live system under test for vmfuzz: reads ops from stdin, answers on stdout.

mod frames;
mod json;
mod machine;

use std::io::{BufRead, BufReader, Write};

use frames::FRAMES;
use json::Value;
use machine::{Machine, OPS};

fn ready() -> String {
    let ops = OPS.map(|op| format!("\"{op}\"")).join(",");
    let build = "\"protocol\":1,\"build\":\"debug\",\"fields\":[\"slots\",\"ev\"]";
    let world = format!("{{\"frames\":{FRAMES},\"pt_frames\":0,\"cpus\":1}}");
    format!("{{\"ready\":{{{build},\"world\":{world},\"ops\":[{ops}]}}}}\n")
}

fn main() -> std::io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin());
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let greeting = ready();
    output.write_all(greeting.as_bytes())?;
    output.flush()?;
    let (mut machine, mut line, mut answer) = (Machine::new(), String::new(), String::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        answer.clear();
        let asked = json::parse(&line).unwrap_or_default();
        match (asked.get("op"), asked.get("args")) {
            (Some(Value::Text(op)), _) if op == "reset" => {
                machine = Machine::new();
                answer.push_str(&greeting);
            }
            (Some(Value::Text(op)), Some(Value::Object(args))) => {
                machine.answer(op, args, &mut answer);
            }
            _ => answer.push_str("{\"out\":{\"refused\":\"not an op\"}}\n"),
        }
        output.write_all(answer.as_bytes())?;
        // Whole traces come at once; flush when no further line has arrived yet.
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
    }
}
