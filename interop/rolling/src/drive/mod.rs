//! Two instances, what stands in front of them, and who calls.

mod cell;
mod front;
mod h1;
mod h2;
mod instance;
mod ports;
mod tally;

use std::{process::ExitCode, time::Duration};

use self::{cell::Cell, front::Front};
use crate::BoxError;

/// In which the requests below have to be sent; a machine that is too busy for it fails.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(front: &str, servers: &[&str]) -> Result<ExitCode, BoxError> {
    let front = match front {
        "nginx" => Front::Nginx,
        "haproxy" => Front::Haproxy,
        "handover" => Front::Handover,
        other => return Err(format!("there is no front `{other}`").into()),
    };
    let is_wanted = |cell: &Cell| servers.is_empty() || servers.contains(&cell.server);
    let mut has_failed = false;
    let mut rows = Vec::new();
    for cell in Cell::all(front).into_iter().filter(is_wanted) {
        let seen = cell.run(PATIENCE).await?;
        rows.push(seen.row(&cell));
        println!("{}", seen.verdict(&cell));
        has_failed |= !seen.is_good(&cell);
    }
    println!("\n{}", tally::HEADER);
    rows.iter().for_each(|row| println!("{row}"));
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
