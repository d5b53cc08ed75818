//! Every parser under inputs that nobody would write: a committed corpus for each (`fuzz/corpus`), and mutations of
//! it. How many, and from which seed, `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say; `make fuzz` tries many more.

mod fuzz {
    mod harness;
    mod session;
    mod settings;
    mod texts;
}
