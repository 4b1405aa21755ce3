//! What the ZooKeeper client last said of its troubles with a server.
//!
//! The client tells its caller only that no server answers; why (a certificate that nobody trusts, say) stands in its
//! log alone, so this listens to the log. Nothing is decided by these words: they end an error's sentence.

use std::fmt;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use treekeeper_core::model::printable;

/// The room of the client that tells of failed connections.
const SOURCE: &str = "zookeeper_client::session";
/// How the sentences begin that say why.
const BEGINNINGS: [&str; 2] = ["fails in connecting to ", "fails to establish session to "];
/// Characters of a reason that are told.
const CHARACTERS_MAX: usize = 200;

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Returns the listener, to be put into the process's log.
pub fn trouble_listener<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let of_sessions = filter_fn(|metadata| metadata.target() == SOURCE && metadata.is_event());
    Listener.with_filter(of_sessions.and(LevelFilter::DEBUG))
}

/// Returns why the last connection failed, safe to print, if the client said so.
pub(super) fn last_trouble() -> Option<String> {
    LAST.lock().ok()?.clone()
}

struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if let Some(reason) = reason(&message.0)
            && let Ok(mut last) = LAST.lock()
        {
            *last = Some(reason);
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Returns the reason in a line of the client's log.
fn reason(message: &str) -> Option<String> {
    let rest = BEGINNINGS
        .iter()
        .find_map(|beginning| message.strip_prefix(beginning))?;
    let (_, reason) = rest.split_once(" due to ")?;
    // Errors of the system are told as Rust writes them down; what people need of one is its text.
    let text = match reason.split_once("error: ") {
        Some((_, inner)) => inner.strip_suffix(" }").unwrap_or(inner).trim_matches('"'),
        None => match reason.split_once("message: \"") {
            Some((_, inner)) => inner.split('"').next().unwrap_or(inner),
            None => reason.trim_matches('"'),
        },
    };
    Some(printable(&text.chars().take(CHARACTERS_MAX).collect::<String>()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_without_their_wrapping() {
        let said = |text: &str| reason(&format!("fails in connecting to tcp://a:1 due to {text}"));
        let refused = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(said(refused).as_deref(), Some("Connection refused"));
        let untrusted = "Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }";
        assert_eq!(
            said(untrusted).as_deref(),
            Some("InvalidCertificate(UnknownIssuer)")
        );
        assert_eq!(
            said("deadline has elapsed").as_deref(),
            Some("deadline has elapsed")
        );
        assert_eq!(reason("got ping response"), None);
    }
}
