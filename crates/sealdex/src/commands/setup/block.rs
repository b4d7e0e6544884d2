//! Our lines in a file that is the user's: between two marks, so that they can be taken out again, and everything else
//! stays as it is.

const BEGIN: &str = "# sealdex setup: begin; `sealdex setup --undo` takes this away";
const END: &str = "# sealdex setup: end";
/// Before each line that ours replace.
const REPLACED: &str = "# before sealdex setup: ";

/// Puts `lines` before the line of this number (from 0), and turns the lines of these numbers into remarks.
pub(super) fn insert(text: &str, before: usize, lines: &[String], replaced: &[usize]) -> String {
    let mut result = String::new();
    let block: String = [BEGIN]
        .into_iter()
        .chain(lines.iter().map(String::as_str))
        .chain([END])
        .map(|line| format!("{line}\n"))
        .collect();
    let mut count = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number == before {
            result.push_str(&block);
        }
        if replaced.contains(&number) {
            result.push_str(REPLACED);
        }
        result.push_str(line);
        count = number + 1;
    }
    if before >= count {
        if !result.is_empty() && !result.ends_with('\n') {
            result.push('\n');
        }
        result.push_str(&block);
    }
    result
}

/// The text without our lines, and with those that they replaced.
pub(super) fn remove(text: &str) -> String {
    let mut result = String::new();
    let mut is_ours = false;
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => is_ours = true,
            END if is_ours => is_ours = false,
            _ if is_ours => {}
            _ => result.push_str(line.strip_prefix(REPLACED).unwrap_or(line)),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_again() {
        let lines = ["index-url = http://127.0.0.1:3141/simple/".to_owned()];
        for text in [
            "",
            "[global]\n",
            "[global]\r\nindex-url = a\r\n",
            "[global]\nindex-url = a\n\n[install]\nb = c\n",
        ] {
            for before in 0..=text.lines().count() {
                let inserted = insert(text, before, &lines, &[1]);
                assert!(inserted.contains(&format!("{}\n", lines[0])), "{inserted}");
                assert!(!inserted.contains("\nindex-url = a"), "{inserted}");
                assert_eq!(remove(&inserted), text);
            }
        }
    }
}
