//! Readers who look at a cluster again and again, as careful hosts do: what they see is whole, or they see that it
//! isn't there yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Client;
use crate::look::{self, Look};
use crate::servers::SESSION;
use crate::subject::{Shared, known};
use crate::tally::Tally;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(30);
/// So many looks are at one server.
const LOOKS_A_SERVER: usize = 20;

/// Looks until `over`, at one server after another; what is wrong counts as a violation of a case of its own.
pub fn watch(connects: &[String], meanings: &Shared, over: &AtomicBool, tally: &Tally) {
    let mut client: Option<Client> = None;
    let (mut turn, mut looks) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
        let Some(open) = &mut client else {
            client = Client::connect(&connects[turn % connects.len()], SESSION).ok();
            turn += 1;
            continue;
        };
        let Ok(look) = Look::take(open) else {
            client = None;
            continue;
        };
        // A commit is known before it is synced, but perhaps not before this look: ask now.
        let faults = look::judge(&look, &known(meanings));
        tally.note("looks of readers");
        for fault in faults {
            tally.violation(&format!("a reader saw: {fault}"));
        }
        // The next looks are at another server, which may lag.
        looks += 1;
        if looks % LOOKS_A_SERVER == 0 {
            client = None;
        }
    }
}
