//! The library that portshim loads into a program.
