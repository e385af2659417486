//! The machine that figures were taken on, in the words of its kernel.

use std::fs;
use std::thread;

/// One line for each thing that a figure depends on.
pub(crate) fn describe() -> Vec<(&'static str, String)> {
    let cores = thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
    vec![
        ("CPU", field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into())),
        ("Cores", cores),
        (
            "Memory",
            field("/proc/meminfo", "MemTotal").map_or_else(|| "unknown".into(), |kib| gibibytes(&kib)),
        ),
        (
            "Kernel",
            fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| "unknown".into(), |text| text.trim().to_owned()),
        ),
        (
            "System",
            field("/etc/os-release", "PRETTY_NAME")
                .map_or_else(|| "unknown".into(), |name| name.trim_matches('"').to_owned()),
        ),
        (
            "Load before the run",
            fs::read_to_string("/proc/loadavg")
                .map_or_else(|_| "unknown".into(), |text| first_words(&text, 3)),
        ),
    ]
}

fn first_words(text: &str, count: usize) -> String {
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

/// The first value of that name in a file of `name: value` or `name=value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    value(&fs::read_to_string(path).ok()?, name)
}

fn value(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once([':', '=']));
    lines.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn gibibytes(kib: &str) -> String {
    let kib = kib.trim_end_matches("kB").trim().parse::<f64>().unwrap_or_default();
    format!("{:.1} GiB", kib / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let text =
            "processor\t: 0\nmodel name\t: A CPU: fast\nmodel name\t: another\nPRETTY_NAME=\"An OS\"\n";
        assert_eq!(value(text, "model name").as_deref(), Some("A CPU: fast"));
        assert_eq!(value(text, "PRETTY_NAME").as_deref(), Some("\"An OS\""));
        assert_eq!(value(text, "none"), None);
        assert_eq!(first_words("0.10 0.20 0.30 1/99 4242\n", 3), "0.10 0.20 0.30");
        assert_eq!(gibibytes("25165824 kB"), "24.0 GiB");
    }
}
