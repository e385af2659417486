//! The names that Drizzle keeps for unfinished downloads. What bears one is neither shared nor fetched.
//!
//! A download puts files in place by renaming them. A stranger's content under such a name would put itself in the
//! place of what another download has verified.

/// Where unfinished downloads lie.
pub(crate) const OWN_FOLDER: &str = ".drizzle";
/// What the names of unfinished files begin with where they must lie beside finished ones.
pub(crate) const OWN_PREFIX: &str = ".drizzle-part-";

/// Whether the name is kept. Upper case counts as lower, since some file systems do not tell them apart.
pub(crate) fn is_reserved(name: &[u8]) -> bool {
    let begins =
        |with: &str| name.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()));
    begins(OWN_PREFIX) || (begins(OWN_FOLDER) && name.len() == OWN_FOLDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_itself_and_what_begins_like_a_part_is_reserved() {
        for name in [".drizzle", ".Drizzle", ".drizzle-part-", ".drizzle-part-0123-4", ".DRIZZLE-PART-x"] {
            assert!(is_reserved(name.as_bytes()), "{name}");
        }
        for name in
            ["", ".", "drizzle", ".drizzleignore", ".drizzle-", ".drizzle-par", "x.drizzle", ".drizzle\u{e9}"]
        {
            assert!(!is_reserved(name.as_bytes()), "{name}");
        }
    }
}
