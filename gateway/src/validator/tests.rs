#[cfg(unix)]
mod scripts;

use super::*;

fn question(class: &'static str) -> Question<'static> {
    Question {
        session: "s",
        client: Some("editor"),
        key: None,
        parent: None,
        folder: Some("/here"),
        profile: "default",
        connection: "sqlite",
        class,
        verb: "SELECT",
        objects: Vec::new(),
        not_understood: None,
        role: None,
        database: Some("SHOP"),
        schema: None,
        digest: "00".to_owned(),
        text: None,
    }
}

#[tokio::test]
async fn one_that_cannot_be_started_or_ends_at_once_refuses() {
    let validators = Validators::default();
    for command in [&["/nonexistent/validator"][..], &["sh", "-c", "exit 0"]] {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        assert!(validators.of(&command).ask(&question("read")).await.is_err(), "{command:?}");
    }
    validators.close();
}
