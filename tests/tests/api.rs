//! `portshim.h`: what programs reserve and block themselves, and how the examples use it.

mod api {
    mod errors;
    mod examples;
    mod exhausted;
    mod in_use;
    mod owners;
    mod scopes;
    mod scripted;
    mod threads;
    mod unusual;
}
