use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::{Action, Gateway, Mode, Model};
use super::plain;
use super::rows::Pane;
use super::view::{Palette, draw};
use crate::allocator::FlowStatus;
use crate::observe::{Overview, overview};
use crate::session::{CallView, SessionView};
use crate::shared::testing::TestGateway;
use crate::telemetry::QueryView;

/// A gateway with `count` sessions, of which each third has a call under way.
async fn world(count: usize) -> Overview {
    let gateway = TestGateway::new().await;
    let guard = gateway.open_session();
    let mut overview = overview(&gateway.shared);
    let one = SessionView::of(&guard.session);
    overview.sessions = (0..count).map(|at| session(&one, at)).collect();
    overview.status.allocator.flows = vec![flow("claude", 3, 1), flow("greedy", 9, 2)];
    overview.status.connections[0].allocator = overview.status.allocator.clone();
    overview.queries.top = vec![QueryView {
        pattern: "SELECT a FROM t WHERE b = ?".to_owned(),
        id: "abc".to_owned(),
        count: 12,
        p95_ms: 1_500.0,
        max_ms: 2_000.0,
        total_ms: 9_000.0,
        ..QueryView::default()
    }];
    overview
}

fn session(like: &SessionView, at: usize) -> SessionView {
    let call = CallView {
        number: 7,
        since_ms: 1_000 * (at as u64 + 1),
        tool: Some("execute_query".to_owned()),
        phase: Some(if at == 0 { "waiting" } else { "running" }.to_owned()),
        pattern: Some(format!("SELECT c{at} FROM t")),
    };
    SessionView {
        id: format!("{at:08x}-0000"),
        client: Some(format!("client-{at}")),
        requests: at as u64,
        running: usize::from(at.is_multiple_of(3)),
        calls: if at.is_multiple_of(3) { vec![call] } else { Vec::new() },
        ..like.clone()
    }
}

fn flow(name: &str, waiting: usize, running: usize) -> FlowStatus {
    let (flow, weight, account, lag, bound) = (name.to_owned(), 1.0, 0.0, 2.5, 60.0);
    FlowStatus { flow, weight, slots_max: None, running, waiting, account, lag, bound }
}

fn model(overview: Overview) -> Model {
    let mut model = Model::new();
    model.take(Gateway::Here, Some(overview));
    model
}

fn press(model: &mut Model, keys: &str) -> Action {
    let mut last = Action::None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            other => KeyCode::Char(other),
        };
        last = model.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    last
}

fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, Palette { has_colours: true }, true)).unwrap();
    plain::lines_of(terminal.backend().buffer())
}

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[tokio::test]
async fn a_small_screen_has_the_chosen_list_and_one_beside_it() {
    let mut model = model(world(9).await);
    let shown = screen(&model, 80, 24);
    for text in [
        "snowgate ",
        "pool ",
        "1 Calls (3, 2 with a connection)",
        "3 Sessions (9)",
        "SELECT c6 FROM t",
        "? help",
        "waiting",
    ] {
        assert!(has(&shown, text), "{text}: {shown:#?}");
    }
    let first = shown.iter().position(|line| line.contains("SELECT c6")).unwrap();
    assert!(shown[first + 2].contains("SELECT c0"), "those that run first, the oldest: {shown:#?}");
    press(&mut model, "\t");
    let shown = screen(&model, 80, 24);
    assert!(has(&shown, "2 Queue (2)") && has(&shown, "greedy") && has(&shown, "60.0s"), "{shown:#?}");
    press(&mut model, "4");
    assert!(has(&screen(&model, 80, 24), "SELECT a FROM t WHERE b = ?"));
    press(&mut model, "5");
    assert!(has(&screen(&model, 80, 24), "breaker closed"));
}

#[tokio::test]
async fn a_large_screen_has_all_lists_and_every_size_is_drawn() {
    let mut model = model(world(500).await);
    let shown = screen(&model, 200, 50);
    for pane in Pane::ALL {
        assert!(has(&shown, &format!("{} {} (", pane as usize + 1, pane.title())), "{shown:#?}");
    }
    assert!(has(&shown, "SELECT a FROM t WHERE b = ?") && has(&shown, "client-498"), "{shown:#?}");
    press(&mut model, "?");
    for (width, height) in [(1, 1), (10, 3), (40, 10), (80, 24), (149, 29), (150, 30), (300, 100)] {
        screen(&model, width, height);
    }
}

#[tokio::test]
async fn a_row_stays_chosen_when_others_come_and_go() {
    let mut world = world(9).await;
    let mut model = model(world.clone());
    press(&mut model, "j");
    let chosen = |model: &Model| {
        let rows = model.rows(Pane::Calls);
        rows[model.chosen(Pane::Calls, &rows).unwrap()].id.clone()
    };
    assert_eq!(chosen(&model), "00000003-0000:7");
    world.sessions.remove(6);
    model.take(Gateway::Here, Some(world.clone()));
    assert_eq!(chosen(&model), "00000003-0000:7");
    // It ends: what is in its place is chosen.
    world.sessions.remove(3);
    model.take(Gateway::Here, Some(world));
    assert_eq!(chosen(&model), "00000000-0000:7");
    press(&mut model, "GGjjkg");
    assert_eq!(chosen(&model), "00000000-0000:7");
}

#[tokio::test]
async fn nothing_is_stopped_without_a_yes() {
    let mut model = model(world(9).await);
    press(&mut model, "jx");
    assert!(matches!(&model.mode, Mode::Question(target) if target.request == Some(7)));
    let shown = screen(&model, 80, 24);
    assert!(has(&shown, "Stop call 00000003:7 of client-3?") && has(&shown, "y: yes"), "{shown:#?}");
    assert_eq!(
        (press(&mut model, "n"), model.message.as_deref()),
        (Action::None, Some("nothing was stopped"))
    );
    assert_eq!(press(&mut model, "x\n"), Action::None);
    let Action::Kill(target) = press(&mut model, "xy") else { panic!("a kill") };
    assert_eq!((target.session.as_str(), target.request), ("00000003-0000", Some(7)));
    // Of a session, all.
    let Action::Kill(target) = press(&mut model, "3xy") else { panic!("a kill") };
    assert_eq!(target.request, None);
    // What cannot be stopped is told.
    press(&mut model, "4x");
    assert!(model.mode == Mode::Lists && model.message.is_some());
}

#[tokio::test]
async fn a_filter_a_sort_and_a_pause_do_what_they_say() {
    let mut world = world(30).await;
    let mut model = model(world.clone());
    press(&mut model, "/client-2q\x08\n");
    assert_eq!((model.rows(Pane::Sessions).len(), model.filter.as_str()), (11, "client-2"));
    assert!(has(&screen(&model, 80, 24), "3 Sessions (11 with \"client-2\")"));
    press(&mut model, "\x1b");
    assert_eq!(model.rows(Pane::Sessions).len(), 30);
    // From RUN to CALLS.
    press(&mut model, "3s");
    assert_eq!(model.rows(Pane::Sessions)[0].cells[3], "29");
    press(&mut model, " ");
    world.sessions.clear();
    model.take(Gateway::Here, Some(world.clone()));
    assert!(has(&screen(&model, 80, 24), "PAUSED") && model.rows(Pane::Sessions).len() == 30);
    press(&mut model, "p");
    model.take(Gateway::Here, Some(world));
    assert!(model.rows(Pane::Sessions).is_empty());
    assert_eq!(press(&mut model, "q"), Action::Quit);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    press(&mut model, "/");
    assert_eq!(model.key(control_c), Action::Quit);
}

#[tokio::test]
async fn what_clients_say_of_themselves_cannot_reach_the_terminal_or_move_columns() {
    let mut world = world(3).await;
    world.sessions[0].client = Some("\u{1b}[2J\u{7}\r\nevil\u{202e}".to_owned());
    world.sessions[0].calls[0].pattern = Some("SELECT \"\u{1b}]0;x\u{7}\"".to_owned());
    world.sessions[1].client = Some("日本語クライアント".to_owned());
    world.sessions[2].client = Some("z\u{200b}\u{301}e".to_owned());
    let mut model = model(world);
    model.pane = Pane::Sessions;
    for lines in [screen(&model, 80, 24), screen(&model, 200, 50), vec![plain::frame(&model, 80)]] {
        let text = lines.join("\n");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}') && text.contains("evil"), "{text}");
    }
    let shown = screen(&model, 80, 24);
    let column = |text: &str, what: &str| {
        let line =
            shown.iter().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {shown:#?}"));
        ratatui::text::Span::raw(&line[..line.find(what).unwrap()]).width()
    };
    assert_eq!(column("日本語", "00000001"), column("SESSION", "SESSION"));
    assert_eq!(column("evil", "00000000"), column("SESSION", "SESSION"));
}

#[tokio::test]
async fn a_plain_frame_fits_its_width_and_has_each_list() {
    let model = model(world(500).await);
    for width in [40, 80, 200] {
        let text = plain::frame(&model, width);
        assert!(
            text.lines().all(|line| ratatui::text::Span::raw(line).width() <= usize::from(width)),
            "{text}"
        );
        for pane in Pane::ALL {
            assert_eq!(
                text.matches(&format!(" {} {} (", pane as usize + 1, pane.title())).count(),
                1,
                "{text}"
            );
        }
        assert_eq!(text.matches("pool ").count(), 1, "{text}");
        assert!(text.lines().count() < 90, "{text}");
    }
}

#[tokio::test]
async fn without_a_gateway_that_is_said_and_the_last_look_stays() {
    let mut model = Model::new();
    model.take(Gateway::Absent, None);
    assert!(has(&screen(&model, 80, 24), "no gateway is running"));
    model.take(Gateway::Here, Some(world(3).await));
    assert!(!has(&screen(&model, 80, 24), "no gateway"));
    model.take(Gateway::Silent("it\u{1b} hangs".to_owned()), None);
    let shown = screen(&model, 80, 24);
    assert!(has(&shown, "cannot be asked: it") && has(&shown, "client-0"), "{shown:#?}");
}

#[tokio::test]
async fn problems_stand_above_the_lists_with_what_mends_them() {
    let mut world = world(1).await;
    world.status.state_problem = Some("the disk is full\nmore".to_owned());
    world.status.config_warnings = vec!["a key is unknown".to_owned()];
    let shown = screen(&model(world), 100, 24);
    assert!(has(&shown, "critical: the disk is full  -> snowgate restart"), "{shown:#?}");
    assert!(has(&shown, "note: a key is unknown  -> snowgate config check"), "{shown:#?}");
}
