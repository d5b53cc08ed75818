//! Problems with what stands in a file: its keys, its values, its form.

use super::super::{file, same};

#[test]
fn unknown_keys() {
    same(
        &file("presset = \"linux\"\nmax-user-port = 5000\nrange = \"4000-5000\"\nmatch = 1\nwhatever = 1\n"),
        r#"
error: policy.toml:1:1: `presset`: there is no such key
  |
1 | presset = "linux"
  | ^^^^^^^
help:  did you mean `preset`?
error: policy.toml:2:1: `max-user-port`: there is no such key
  |
2 | max-user-port = 5000
  | ^^^^^^^^^^^^^
help:  it belongs under [windows]
error: policy.toml:3:1: `range`: there is no such key
  |
3 | range = "4000-5000"
  | ^^^^^
help:  write [dynamic] and below it all = "FIRST-LAST"
error: policy.toml:4:1: `match`: there is no such key
  |
4 | match = 1
  | ^^^^^
help:  it belongs under [[process]]
error: policy.toml:5:1: `whatever`: there is no such key
  |
5 | whatever = 1
  | ^^^^^^^^
help:  the keys here are preset, dynamic, reserve, block, select, sharing, seed, windows, linux, freebsd, process
"#,
    );
    same(
        &file(
            "[windows]\nmax_user_port = 1\n[linux]\nip_local_reserved_port = \"\"\n[dynamic]\ntpc = \"1\"\n[[reserve]]\nports = 1\nscop = \"4\"\n",
        ),
        r#"
error: policy.toml:2:1: `max_user_port`: there is no such key under [windows]
  |
2 | max_user_port = 1
  | ^^^^^^^^^^^^^
help:  did you mean `max-user-port`?
error: policy.toml:4:1: `ip_local_reserved_port`: there is no such key under [linux]
  |
4 | ip_local_reserved_port = ""
  | ^^^^^^^^^^^^^^^^^^^^^^
help:  did you mean `ip_local_reserved_ports`?
error: policy.toml:6:1: `tpc`: there is no such key under [dynamic]
  |
6 | tpc = "1"
  | ^^^
help:  did you mean `tcp`?
error: policy.toml:9:1: `scop`: there is no such key under [[reserve]]
  |
9 | scop = "4"
  | ^^^^
help:  did you mean `scope`?
"#,
    );
}

#[test]
fn wrong_types() {
    same(
        &file("preset = 7\nseed = \"7\"\nwindows = 5\ndynamic = \"9\"\nblock = true\nprocess = { match = \"x\" }\n"),
        r#"
error: policy.toml:1:10: `preset` takes a string, not an integer
  |
1 | preset = 7
  |          ^
help:  write preset = "windows-2003-sp1"
error: policy.toml:2:8: `seed` takes an integer, not a string
  |
2 | seed = "7"
  |        ^^^
help:  write seed = 7
error: policy.toml:3:11: `windows` takes a table, not an integer
  |
3 | windows = 5
  |           ^
help:  write [windows]
error: policy.toml:4:11: `dynamic` takes a table, not a string
  |
4 | dynamic = "9"
  |           ^^^
help:  write dynamic.all = "4000-4999"
error: policy.toml:5:9: `block` takes a string, not a boolean
  |
5 | block = true
  |         ^^^^
help:  write "4000-4999"
error: policy.toml:6:11: `process` takes an array of tables, not a table
  |
6 | process = { match = "x" }
  |           ^^^^^^^^^^^^^^^
help:  write [[process]]
"#,
    );
}

#[test]
fn values_that_are_wrong_inside() {
    same(
        &file(concat!(
            "select = \"sequental\"\nseed = -5\n[windows]\nreserved-ports = [\"4000\", \"9-5\"]\n[linux]\n",
            "ip_local_port_range = \"60999 32768\"\nip_local_reserved_ports = \"8080, 9148\"\n[dynamic]\n",
            "tcp = \"4000-70000\"\nudp = \"5/tcp\"\n[[block]]\nports = \"1/udp\"\n[[block]]\nports = 70000\n",
        )),
        r#"
error: policy.toml:1:11: `sequental`: there is no such order
  |
1 | select = "sequental"
  |           ^^^^^^^^^
help:  did you mean `sequential`?
error: policy.toml:2:8: `-5`: this is not a seed
  |
2 | seed = -5
  |        ^^
help:  write a number from 0 to 18446744073709551615
error: policy.toml:4:20: `4000`: the registry takes FIRST-LAST, for a single port too
  |
4 | reserved-ports = ["4000", "9-5"]
  |                    ^^^^
help:  write 4000-4000
error: policy.toml:4:28: `9-5`: the range 9-5 is reversed
  |
4 | reserved-ports = ["4000", "9-5"]
  |                            ^^^
help:  write 5-9
error: policy.toml:6:24: `60999 32768`: the range 60999-32768 is reversed
  |
6 | ip_local_port_range = "60999 32768"
  |                        ^^^^^^^^^^^
help:  write 32768 60999
error: policy.toml:7:33: ` 9148`: the kernel does not take this for a number
  |
7 | ip_local_reserved_ports = "8080, 9148"
  |                                 ^^^^^
help:  write a number from 1 to 65535, with no white space around it
error: policy.toml:9:13: `70000`: a port is at most 65535
  |
9 | tcp = "4000-70000"
  |             ^^^^^
help:  write a number from 1 to 65535
error: policy.toml:10:8: `5/tcp`: here the key names the scope
   |
10 | udp = "5/tcp"
   |        ^^^^^
help:  write tcp = "5"
error: policy.toml:12:10: `1/udp`: here the scope is a key of its own
   |
12 | ports = "1/udp"
   |          ^^^^^
help:  write ports = "1" and scope = "udp"
error: policy.toml:14:9: `70000`: this is not a port number
   |
14 | ports = 70000
   |         ^^^^^
help:  write a number from 1 to 65535
"#,
    );
}

#[test]
fn process_rules() {
    let long = format!("[[process]]\nmatch = \"{}\"\n", "x".repeat(64));
    same(
        &file(&long),
        r#"
error: policy.toml:2:10: this is 64 bytes long, and `match` takes at most 63
  |
2 | match = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
help:  shorten it with `*`, which stands for any characters
"#,
    );
    same(
        &file(
            "[[process]]\nmatch = \"/usr/bin/java\"\n[[process]]\nselect = \"hash\"\n[[process]]\nmatch = \"a:b\"\n[[process]]\nmatch = \"\"\n",
        ),
        r#"
error: policy.toml:2:10: `/`: `match` is compared with a program's name, which has none
  |
2 | match = "/usr/bin/java"
  |          ^
help:  write the file's name alone: "java"
error: policy.toml:3:1: [[process]] has no `match`
  |
3 | [[process]]
  | ^^^^^^^^^^^
help:  add match = "java*"
error: policy.toml:6:11: `:`: `match` is compared with a program's name, which has none
  |
6 | match = "a:b"
  |           ^
help:  write `?`, which stands for any one character
error: policy.toml:8:10: an empty `match` matches nothing
  |
8 | match = ""
  |          ^
help:  write a program's name, such as "java*"
"#,
    );
    let many: String = (0..16).map(|n| format!("[[process]]\nmatch = \"p{n}\"\n")).collect();
    same(
        &file(&many),
        r#"
error: policy.toml:32:10: there are more than 15 [[process]] rules
   |
32 | match = "p15"
   |          ^^^
help:  join some of them: `*` stands for any characters, `?` for one
"#,
    );
    let most: String = (0..15).map(|n| format!("[[process]]\nmatch = \"p{n}\"\n")).collect();
    same(&file(&most), "");
}

#[test]
fn what_is_not_toml() {
    same(
        &file("seed = \n\n[windows\nmax-user-port = 5000\nseed = 7\nseed = 8\n"),
        r#"
error: policy.toml:1:8: string values must be quoted, expected literal string
  |
1 | seed = 
  |        ^
help:  write the file as TOML, https://toml.io; text is quoted: preset = "linux"
error: policy.toml:3:9: unclosed table, expected `]`
  |
3 | [windows
  |         ^
help:  write the file as TOML, https://toml.io; text is quoted: preset = "linux"
error: policy.toml:6:1: duplicate key
  |
6 | seed = 8
  | ^^^^
help:  keep one of the two
"#,
    );
}

#[test]
fn the_mark_stands_under_what_it_marks() {
    // A byte order mark, CRLF, a tab, letters of several bytes, and strings that hold escapes.
    same(
        &file("\u{feff}\tselect = \"äö\" # ü\r\nsharing = \"\\u0041\"\r\nblock = \"\"\"\r\n7x\"\"\"\r\n"),
        "
error: policy.toml:1:12: `äö`: there is no such order
  |
1 | \tselect = \"äö\" # ü
  | \t          ^^
help:  write one of native, sequential, descending, random-start, random, hash, double-hash, random-increment
error: policy.toml:2:11: `A`: there is no such sharing
  |
2 | sharing = \"\\u0041\"
  |           ^^^^^^^^
help:  write one of exclusive, tuple
error: policy.toml:3:9: `7x`: this is not a port number
  |
3 | block = \"\"\"
  |         ^^^
help:  write a number from 1 to 65535
",
    );
}
