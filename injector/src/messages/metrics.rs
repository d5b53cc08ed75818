//! Words of `portshim metrics`.

use super::{Failure, plain};

/// Body of an answer to whoever asks for something else.
pub(crate) const METRICS_PATH: &str = "the metrics are at /metrics\n";

/// Body of an answer to whoever asks for another machine.
pub(crate) const METRICS_HOST: &str =
    "the metrics are this machine's: ask for it by its address, such as 127.0.0.1, or as localhost\n";

pub(crate) fn listening(at: &str) -> String {
    format!("portshim: the metrics are at http://{at}/metrics")
}

pub(crate) fn listening_at_path(path: &str) -> String {
    format!("portshim: the metrics are at the socket {path}, at /metrics")
}

pub(crate) fn not_a_listener(place: &str) -> Failure {
    Failure::new(
        format!("`{place}`: this is neither an address with a port nor a path"),
        "write one such as 127.0.0.1:9105, [::1]:9105 or ./portshim.sock",
    )
}

pub(crate) fn not_loopback(place: &str) -> Failure {
    Failure::new(
        format!("{place} can be reached from other machines, and nobody is asked who he is there"),
        "listen at 127.0.0.1 or at a Unix socket, and let a server that asks pass it on",
    )
}

pub(crate) fn cannot_listen(place: &str, e: &std::io::Error) -> Failure {
    Failure::new(format!("nothing can listen at {place}: {}", plain(e)), "name another place")
}
