//! The command line, to the letter: exit status, standard output, standard error.

mod cli {
    mod collide;
    mod doctor;
    mod help;
    mod log;
    mod page;
    mod places;
    mod policy;
    mod presets;
    mod refused;
    mod sandbox;
    mod schema;
    mod session;
    mod show;
    mod slips;
    mod watched;
}
