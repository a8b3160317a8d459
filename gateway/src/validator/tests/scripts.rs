//! Validators that are scripts of `sh`.

use super::*;

/// A validator that runs `body` for each line, with its id in `$id`.
fn script(body: &str) -> Vec<String> {
    let loop_ = format!(
        r#"while read -r line; do id=$(printf %s "$line" | sed 's/.*"id":\([0-9]*\).*/\1/'); {body}; done"#
    );
    ["sh", "-c", &loop_].map(str::to_owned).to_vec()
}

const ALLOWS: &str = r#"printf '{"id":%s,"allow":true}\n' "$id""#;

#[tokio::test]
async fn its_word_decides() {
    let body = r#"case "$line" in *'"class":"write"'*) printf '{"id":%s,"allow":false,"reason":"not on Sundays"}\n' "$id";; *) printf '{"id":%s,"allow":true}\n' "$id";; esac"#;
    let validators = Validators::default();
    let validator = validators.of(&script(body));
    for _ in 0..20 {
        assert!(validator.ask(&question("read")).await.unwrap().allow);
    }
    let verdict = validator.ask(&question("write")).await.unwrap();
    assert_eq!(verdict, Verdict { allow: false, reason: Some("not on Sundays".to_owned()) });
    let view = validators.views().remove(0);
    assert_eq!((view.asked, view.denied, view.failed, view.started), (21, 1, 0, 1));
    assert!(view.pid.is_some() && view.problem.is_none(), "{view:?}");
    validators.close();
    assert_eq!(validators.views()[0].pid, None);
    assert!(validator.ask(&question("read")).await.is_err(), "nothing is started any more");
}

#[tokio::test]
async fn what_is_no_answer_refuses_and_the_child_is_started_again() {
    let body = format!(
        r#"case "$line" in *'"class":"write"'*) echo nonsense;; *'"class":"ddl"'*) exit 3;; *) {ALLOWS};; esac"#
    );
    let validators = Validators::default();
    let validator = validators.of(&script(&body));
    let why = validator.ask(&question("write")).await.unwrap_err();
    assert_eq!(why.0, "it wrote a line that is no answer");
    // The pause after a failure refuses, too.
    let mut answer = validator.ask(&question("read")).await;
    while let Err(NoVerdict(why)) = &answer {
        assert!(why.contains("it is started again in"), "{why}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = validator.ask(&question("read")).await;
    }
    let why = validator.ask(&question("ddl")).await.unwrap_err();
    assert!(why.0.starts_with("it has ended"), "{}", why.0);
    let view = validators.views().remove(0);
    assert_eq!(view.started, 2);
    assert!(view.problem.is_some_and(|problem| problem.starts_with("it has ended")));
    validators.close();
}

#[tokio::test]
async fn one_that_does_not_answer_is_ended() {
    let validators = Validators::default();
    let validator = validators.of(&script("true"));
    let read = question("read");
    let asked = validator.ask(&read);
    let mut asked = std::pin::pin!(asked);
    // The clock is stopped only once the child runs: it is told of by another thread.
    while validators.views()[0].pid.is_none() {
        assert!(futures_poll(&mut asked).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::pause();
    let why = asked.await.unwrap_err();
    assert_eq!(why.0, "it did not answer within 5000 ms");
    assert_eq!(validators.views()[0].pid, None);
}

/// Polls once; returns whether it still waits.
async fn futures_poll(waiting: &mut std::pin::Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())).await
}
