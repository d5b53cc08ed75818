//! Programs that no library can be loaded into take every port that they did not choose themselves
//! from the policy all the same: a supervisor serves them from outside.
//!
//! Each runs under ports outside the host's range (pinned), inside it (steered), and once without
//! portshim under the kernel's own settings, which shows that the tests ask for no more than the
//! kernel gives.

mod engine {
    mod apart;
    mod both;
    mod built;
    mod confined;
    mod inside;
    mod live;
    mod manners;
    mod nested;
    mod oracle;
    mod programs;
    mod published;
    mod reach;
    mod reused;
    mod ring;
    mod scale;
    mod sockets;
    mod steered;
    mod traced;
    mod tree;
}
