//! Makes a failing script as short as it gets.

/// Leaves out lines while the script still fails.
///
/// # Errors
/// What `fails` could not find out.
pub fn shrink(
    mut script: Vec<String>,
    mut fails: impl FnMut(&[String]) -> Result<bool, String>,
) -> Result<Vec<String>, String> {
    let mut stretch = script.len() / 2;
    while stretch > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < script.len() {
            let mut trial = script.clone();
            trial.drain(at..(at + stretch).min(script.len()));
            if fails(&trial)? {
                script = trial;
                shorter = true;
            } else {
                at += stretch;
            }
        }
        if stretch > 1 {
            stretch /= 2;
        } else if !shorter {
            break;
        }
    }
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_matter_remain() {
        let script = (0..37).map(|n| n.to_string()).collect();
        let fails = |s: &[String]| Ok(s.contains(&"5".into()) && s.contains(&"31".into()));
        assert_eq!(shrink(script, fails).unwrap(), ["5", "31"]);
    }
}
