//! `portshim.h`: what programs reserve and block themselves, and how the examples use it.

mod api {
    mod errors;
    mod examples;
    mod in_use;
    mod owners;
    mod puppet;
    mod scopes;
    mod threads;
    mod unusual;
}
