//! Servers that programs visit.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A server of ours that remembers the ports of those who came.
pub struct Peer {
    /// Where it is, on every address.
    pub port: u16,
    seen: Arc<Mutex<BTreeSet<u16>>>,
}

impl Peer {
    /// Answers every HTTP request with `ok`. Port 0 is any.
    ///
    /// # Panics
    /// Where `port` cannot be had.
    #[must_use]
    pub fn http(port: u16) -> Self {
        let listener = TcpListener::bind(("::", port)).expect("a private network has all ports free");
        let port = listener.local_addr().expect("it is bound").port();
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            loop {
                let Ok((mut stream, peer)) = listener.accept() else { continue };
                remember(&record, peer.port());
                thread::spawn(move || {
                    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
                    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                        match stream.read(&mut chunk) {
                            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                            _ => return,
                        }
                    }
                    // A client that has gone away has been recorded all the same.
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
                });
            }
        });
        Self { port, seen }
    }

    /// Sends every UDP datagram back. Port 0 is any.
    ///
    /// # Panics
    /// Where `port` cannot be had.
    #[must_use]
    pub fn echo(port: u16) -> Self {
        let socket = UdpSocket::bind(("::", port)).expect("a private network has all ports free");
        let port = socket.local_addr().expect("it is bound").port();
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            let mut datagram = [0; 65536];
            while let Ok((len, from)) = socket.recv_from(&mut datagram) {
                remember(&record, from.port());
                let _ = socket.send_to(&datagram[..len], from);
            }
        });
        Self { port, seen }
    }

    /// The ports of the first `count` who come, answered or not.
    ///
    /// # Panics
    /// Where fewer come within ten seconds.
    #[must_use]
    pub fn awaited(&self, count: usize) -> BTreeSet<u16> {
        for _ in 0..1000 {
            let seen = self.visitors();
            if seen.len() >= count {
                return seen;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("fewer than {count} came: {:?}", self.visitors());
    }

    /// The ports of those who came so far.
    ///
    /// # Panics
    /// Where the server did.
    #[must_use]
    pub fn visitors(&self) -> BTreeSet<u16> {
        self.seen.lock().clone()
    }
}

fn remember(seen: &Mutex<BTreeSet<u16>>, port: u16) {
    seen.lock().insert(port);
}
