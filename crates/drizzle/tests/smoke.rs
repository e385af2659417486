//! The program from outside, as far as one process shows it: what scripts rely on when something is wrong, and that
//! the tracker is there and goes away. Of transfers only the way in and out is shown here.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// From the signal to the end. What is promised is 2 s; a process waits at most 1.5 s for others, and the rest is for a busy machine.
const LEAVING_MAX: Duration = Duration::from_secs(8);

/// The program with a home of its own and none of the surroundings' settings.
fn drizzle(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drizzle"));
    command.args(words).env_clear().env("HOME", home).stdin(Stdio::null());
    command
}

fn run(home: &TempDir, words: &[&str]) -> Output {
    drizzle(home.path(), words).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn events(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A process that is killed when the test is over, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program, and reads the events as they come.
fn start(home: &TempDir, words: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let child = drizzle(home.path(), words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let out = BufReader::new(running.0.stdout.take().unwrap());
    (running, out)
}

fn next_event(out: &mut impl BufRead) -> Value {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

fn signal(running: &Running, signal: &str) {
    let sent = Command::new("kill").args([signal, &running.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The exit code, and how long it took to come. It is looked at again and again, since to wait for a process has no end where it
/// has none.
fn wait(running: &mut Running) -> (Option<i32>, Duration) {
    let started = Instant::now();
    loop {
        if let Some(status) = running.0.try_wait().unwrap() {
            return (status.code(), started.elapsed());
        }
        assert!(started.elapsed() < Duration::from_secs(20), "the process does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_cannot_be_read_is_two() {
    let home = TempDir::new().unwrap();
    let open_invite = format!("tracker://127.0.0.1:1/{}", "ab".repeat(32));
    let cases: &[&[&str]] = &[
        &["no-such-command"],
        &["get"],
        &["get", "--discovery=false", "name"],
        &["get", "drizzle:?xt=urn:blake3:11"],
        &["get", "--tracker", "nonsense", "name"],
        &["get", "--tracker", "@/no/such/file", "name"],
        &["get", "--tracker", "ring://", "name"],
        &["get", "--tracker", &open_invite, "../name"],
        &["get", "--tracker", &open_invite, "--limit-up", "fast", "name"],
        &["list", "--discovery=false"],
        &["--log", "drizzle=loud", "config", "show"],
        &["--config", "/no/such/file", "config", "show"],
        &["tracker", "not-an-ip"],
        &["man", "no-such-command"],
    ];
    for words in cases {
        let plain = run(&home, words);
        assert_eq!(plain.status.code(), Some(2), "{words:?}: {}", stderr(&plain));
        assert!(stderr(&plain).contains("error"), "{words:?}");
        assert_eq!(stdout(&plain), "", "{words:?}");
        let json = run(&home, &[&["--json"], *words].concat());
        let [error] = &events(&json)[..] else { panic!("{words:?}: {}", stdout(&json)) };
        assert_eq!(
            (json.status.code(), &error["event"], &error["kind"]),
            (Some(2), &"error".into(), &"usage".into())
        );
    }
}

#[test]
fn a_path_that_is_not_there_is_three_and_a_dead_tracker_five() {
    let home = TempDir::new().unwrap();
    let missing = run(&home, &["share", "/no/such/path"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(stderr(&missing).contains("/no/such/path"));
    // Bound, so that nobody else can have it, and not listened on, so that whoever calls is refused.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let invite = format!("tracker://{}/{}", nobody.local_addr().unwrap(), "ab".repeat(32));
    let dead = run(&home, &["--json", "list", "--tracker", &invite]);
    assert_eq!(
        (dead.status.code(), &events(&dead)[0]["kind"]),
        (Some(5), &"unreachable".into()),
        "{}",
        stderr(&dead)
    );
}

#[test]
fn a_wrong_config_file_is_named_with_line_and_nearest_key() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("my.toml");
    fs::write(&path, "\nlimit-upp = \"10M\"\n").unwrap();
    let output = drizzle(home.path(), &["config", "show"]).env("DRIZZLE_CONFIG", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected =
        format!("error: {}:2: unknown key 'limit-upp'; did you mean 'limit-up'?\n", path.display());
    assert_eq!(stderr(&output), expected);
}

#[test]
fn settings_are_shown_with_their_place_and_without_secrets() {
    let home = TempDir::new().unwrap();
    let made = run(&home, &["--json", "config", "init"]);
    let path = home.path().join(".config/drizzle/config.toml");
    assert_eq!((made.status.code(), &events(&made)[0]["path"]), (Some(0), &path.to_str().unwrap().into()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&home, &["config", "init"]);
    assert_eq!(again.status.code(), Some(1), "an existing file is kept");

    let invite = format!("tracker://h:1/{}/{}", "ab".repeat(32), "cd".repeat(32));
    fs::write(&path, format!("tracker = \"{invite}\"\nlimit-down = \"1M\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = drizzle(home.path(), &["--json", "--limit-up=2M", "config", "show"])
        .env("DRIZZLE_SEED", "yes")
        .output()
        .unwrap();
    assert!(stderr(&shown).contains("others can read it"), "{}", stderr(&shown));
    assert!(!stdout(&shown).contains("cdcd"));
    let settings = events(&shown);
    let of = |key: &str| {
        let setting = settings.iter().find(|setting| setting["key"] == key).unwrap();
        (setting["value"].as_str().unwrap_or("-").to_owned(), setting["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("limit-up"), ("2000000".into(), "flag".into()));
    assert_eq!(of("seed"), ("yes".into(), "environment, DRIZZLE_SEED".into()));
    assert_eq!(of("limit-down"), ("1M".into(), format!("{}:2", path.display())));
    assert_eq!(of("tracker").0, format!("tracker://h:1/{}/(hidden)", "ab".repeat(32)));
    assert_eq!(of("max-peers"), ("40".into(), "default".into()));
    assert_eq!(of("name").1, "not set");
    assert_eq!(of("state").0, home.path().join(".local/state/drizzle").to_str().unwrap());
}

#[test]
fn pages_and_completions_need_no_home() {
    let home = TempDir::new().unwrap();
    let without_home = |words: &[&str]| drizzle(home.path(), words).env_remove("HOME").output().unwrap();
    let man = without_home(&["man"]);
    assert_eq!(man.status.code(), Some(0), "{}", stderr(&man));
    for command in
        ["tracker", "share", "get", "list", "search", "locate", "status", "config-show", "completions"]
    {
        assert!(stdout(&man).contains(&format!(".TH drizzle-{command} ")), "{command}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let completions = without_home(&["completions", shell]);
        assert!(completions.status.success() && stdout(&completions).contains("limit-up"), "{shell}");
    }
}

/// Whoever reads only the first line and goes away must not see an error.
#[test]
fn a_closed_pipe_ends_quietly() {
    let home = TempDir::new().unwrap();
    let mut child =
        drizzle(home.path(), &["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_tracker_is_seen_asked_and_ended() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("invite");
    let words = ["--json", "tracker", "127.0.0.1", "0", "--invite-file", file.to_str().unwrap()];
    for end in ["-TERM", "-INT", "-HUP"] {
        let (mut tracker, mut out) = start(&home, &words);
        let ready = next_event(&mut out);
        assert_eq!((&ready["event"], &ready["role"]), (&"ready".into(), &"tracker".into()));
        let invite = ready["invite"].as_str().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().trim(), invite);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let at_file = format!("@{}", file.display());
        let list = run(&home, &["--json", "list", "--tracker", &at_file]);
        assert_eq!((list.status.code(), stdout(&list).as_str()), (Some(0), ""), "{}", stderr(&list));
        let unknown = run(&home, &["--json", "locate", "nothing", "--tracker", &at_file]);
        assert_eq!((unknown.status.code(), &events(&unknown)[0]["kind"]), (Some(3), &"not-found".into()));
        let unknown = run(&home, &["--json", "get", "nothing", "--tracker", &at_file]);
        assert_eq!((unknown.status.code(), &events(&unknown)[0]["kind"]), (Some(3), &"not-found".into()));
        let uninvited = invite.rsplit_once('/').unwrap().0;
        let refused = run(&home, &["--json", "list", "--tracker", uninvited]);
        assert_eq!((refused.status.code(), &events(&refused)[0]["kind"]), (Some(7), &"refused".into()));

        let status = run(&home, &["--json", "status", "--tracker", &at_file]);
        let status = events(&status).remove(0);
        assert_eq!(status["tracker"]["answers"], Value::Bool(true), "{status}");
        assert_eq!(status["processes"][0]["pid"], tracker.0.id());
        assert_eq!(status["processes"][0]["listen"], ready["listen"]);

        signal(&tracker, end);
        let (code, elapsed) = wait(&mut tracker);
        assert_eq!(code, Some(0), "{end}");
        assert!(elapsed < LEAVING_MAX, "{end}: {elapsed:?}");
        let status = events(&run(&home, &["--json", "status"])).remove(0);
        assert_eq!(status["processes"], Value::Array(Vec::new()));
    }
}

#[test]
fn a_taken_port_is_said_with_what_to_do() {
    let home = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&home, &["tracker", "127.0.0.1", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&port) && stderr(&output).contains("hint:"), "{}", stderr(&output));
}

/// Starts to share one path on a free port; the events until its link.
fn share(home: &TempDir, path: &Path, more: &[&str]) -> (Running, Value, Value) {
    let path = path.to_str().unwrap();
    let words = [&["--json", "share", path, "--listen", "127.0.0.1:0"], more].concat();
    let (running, mut out) = start(home, &words);
    let (ready, shared) = (next_event(&mut out), next_event(&mut out));
    assert_eq!((&ready["event"], &shared["event"]), (&"ready".into(), &"shared".into()));
    (running, ready, shared)
}

#[test]
fn what_is_shared_can_be_got_by_link_and_by_name() {
    let (there, here) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = there.path().join("it's\n.bin");
    let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&file, &bytes).unwrap();
    let (mut sharing, ready, shared) = share(&there, &file, &[]);
    assert_eq!((&shared["name"], &shared["size"]), (&"it's\n.bin".into(), &bytes.len().into()));

    let link = shared["link"].as_str().unwrap();
    let out = here.path().join("new").join("folder");
    let got = run(&here, &["--json", "-v", "get", link, "-o", out.to_str().unwrap()]);
    assert_eq!(got.status.code(), Some(0), "{}", stderr(&got));
    let events = events(&got);
    let done = events.last().unwrap();
    assert_eq!(
        (&done["event"], &done["from"][ready["peer"].as_str().unwrap()]),
        (&"done".into(), &bytes.len().into())
    );
    let chunks = events.iter().filter(|event| event["event"] == "chunk").count();
    assert_eq!(shared["chunks"], chunks);
    assert_eq!(fs::read(out.join("it's\n.bin")).unwrap(), bytes);

    let invite = ready["invite"].as_str().unwrap();
    let by_name = drizzle(here.path(), &["get", "it's\n.bin", "no-such-name"])
        .current_dir(here.path())
        .env("DRIZZLE_TRACKER", invite)
        .output()
        .unwrap();
    assert_eq!(by_name.status.code(), Some(3), "one is there, the other nobody has: {}", stderr(&by_name));
    assert_eq!(fs::read(here.path().join("it's\n.bin")).unwrap(), bytes);

    signal(&sharing, "-INT");
    let (code, elapsed) = wait(&mut sharing);
    assert_eq!(code, Some(0));
    assert!(elapsed < LEAVING_MAX, "{elapsed:?}");
}

/// Would fail if Ctrl-C lost what is verified, or ended as if all were done.
#[test]
fn an_interrupted_get_is_130_and_goes_on() {
    let (there, here) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = there.path().join("slow.bin");
    let size: usize = 8 << 20;
    fs::write(&file, vec![7; size]).unwrap();
    let (_sharing, _, shared) = share(&there, &file, &[]);
    let link = shared["link"].as_str().unwrap();
    let out = here.path().to_str().unwrap();

    let (mut getting, mut events_out) =
        start(&here, &["--json", "-v", "get", link, "-o", out, "--limit-down", "1M"]);
    while next_event(&mut events_out)["event"] != "chunk" {}
    signal(&getting, "-INT");
    let (code, elapsed) = wait(&mut getting);
    assert_eq!(code, Some(130));
    assert!(elapsed < LEAVING_MAX, "{elapsed:?}");
    assert!(!here.path().join("slow.bin").exists(), "nothing unfinished stands under the name");

    let again = run(&here, &["--json", "get", link, "-o", out]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let events = events(&again);
    let from =
        events.last().unwrap()["from"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap());
    let fetched: u64 = from.sum();
    assert!(fetched < size as u64, "fetched all {fetched} bytes again");
    assert_eq!(fs::read(here.path().join("slow.bin")).unwrap(), vec![7; size]);
}
