//! Live sessions from the command line: who is there, what is in use, what is reserved and blocked
//! meanwhile.

mod sessions {
    mod changed;
    mod disturbed;
    mod exhausted;
    mod listed;
    mod metrics;
    mod named;
    mod netsh;
    mod refused;
    mod server;
    mod top;
    mod used;
    mod who;
}
