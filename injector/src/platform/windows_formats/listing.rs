//! Output of netsh, in whichever language.

/// The first port of a dynamic range, and the number of its ports: the two lines with one number
/// behind a colon.
pub(in super::super) fn dynamic(answer: &str) -> Option<(u32, u32)> {
    let mut numbers = answer.lines().filter_map(|line| line.rsplit_once(':')?.1.trim().parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// The excluded ranges: the lines that begin with two numbers.
pub(in super::super) fn excluded(answer: &str) -> Vec<(u16, u16)> {
    let range = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    answer.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_netsh_shows() {
        let answer = "\r\nProtokoll tcp Dynamischer Portbereich\r\n---------------------------------\r\n\
                      Startport           : 49152\r\nAnzahl von Ports    : 16384\r\n\r\n";
        assert_eq!(dynamic(answer), Some((49152, 16384)));
        assert_eq!(dynamic("The following command was not found: interface ipv4.\r\n"), None);
        let answer = "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n\
                      ----------    --------      \r\n      5357        5357      \r\n     50000       50059     *\r\n\r\n\
                      * - Administered port exclusions.\r\n\r\n";
        assert_eq!(excluded(answer), [(5357, 5357), (50000, 50059)]);
    }
}
