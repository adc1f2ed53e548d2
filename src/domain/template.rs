//! Templates: what people read, with the blanks filled in. Unknown variables are errors.

use std::path::Path;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

/// A template that can't be rendered: where, and what is wrong, for the operator. Never a buyer's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(pub String);

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The templates that come with the service: the name says how it is escaped.
const BUILT_IN: &[(&str, &str)] = &[
    (
        "mail/alarm.html",
        include_str!("../../templates/mail/alarm.html"),
    ),
    (
        "mail/alarm.txt",
        include_str!("../../templates/mail/alarm.txt"),
    ),
    (
        "mail/alarm-subject.txt",
        include_str!("../../templates/mail/alarm-subject.txt"),
    ),
    (
        "mail/links.html",
        include_str!("../../templates/mail/links.html"),
    ),
    (
        "mail/links.txt",
        include_str!("../../templates/mail/links.txt"),
    ),
    (
        "mail/subject.txt",
        include_str!("../../templates/mail/subject.txt"),
    ),
    (
        "pages/base.html",
        include_str!("../../templates/pages/base.html"),
    ),
    (
        "pages/download.html",
        include_str!("../../templates/pages/download.html"),
    ),
    (
        "pages/health.html",
        include_str!("../../templates/pages/health.html"),
    ),
    (
        "pages/outbox.html",
        include_str!("../../templates/pages/outbox.html"),
    ),
    (
        "pages/problem.html",
        include_str!("../../templates/pages/problem.html"),
    ),
    (
        "pages/recover.html",
        include_str!("../../templates/pages/recover.html"),
    ),
    (
        "pages/renewed.html",
        include_str!("../../templates/pages/renewed.html"),
    ),
    (
        "pages/pending.html",
        include_str!("../../templates/pages/pending.html"),
    ),
    (
        "pages/success.html",
        include_str!("../../templates/pages/success.html"),
    ),
    (
        "pages/storefront.html",
        include_str!("../../templates/pages/storefront.html"),
    ),
];

/// Made once: to parse all of them takes longer than to render one.
static OURS: LazyLock<Result<Environment<'static>, TemplateError>> = LazyLock::new(|| {
    let mut environment = strict().map_err(|error| in_words("templates", &error))?;
    for (name, source) in BUILT_IN {
        environment
            .add_template(name, source)
            .map_err(|error| in_words(name, &error))?;
    }
    Ok(environment)
});

/// Without any of our templates: an operator's text includes nothing.
static BARE: LazyLock<Result<Environment<'static>, TemplateError>> =
    LazyLock::new(|| strict().map_err(|error| in_words("texts", &error)));

/// Renders one of the templates that come with the service. HTML is escaped, text is not.
///
/// # Errors
/// The template asks for what `context` does not have.
pub fn render(name: &str, context: impl Serialize) -> Result<String, TemplateError> {
    let environment = OURS.as_ref().map_err(Clone::clone)?;
    let template = environment
        .get_template(name)
        .map_err(|error| in_words(name, &error))?;
    template
        .render(Serde(context))
        .map_err(|error| in_words(name, &error))
}

/// Renders a text that the operator may have written. Nothing else can be included from it.
///
/// # Errors
/// The template does not parse, or asks for what `context` does not have.
pub fn render_text(
    name: &str,
    source: &str,
    context: impl Serialize,
) -> Result<String, TemplateError> {
    let environment = BARE.as_ref().map_err(Clone::clone)?;
    environment
        .render_named_str(name, source, Serde(context))
        .map_err(|error| in_words(name, &error))
}

/// Whether a text names nothing but `known` variables, even where no sample of a buyer leads to. All others are
/// named, each with its line.
///
/// # Errors
/// The template does not parse, or names another variable.
pub fn check_variables(name: &str, source: &str, known: &[String]) -> Result<(), TemplateError> {
    let environment = strict().map_err(|error| in_words(name, &error))?;
    let template = environment
        .template_from_named_str(name, source)
        .map_err(|error| in_words(name, &error))?;
    let mut unknown: Vec<(usize, String)> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|variable| !known.contains(variable))
        .filter(|variable| environment.globals().all(|(global, _)| global != variable))
        .map(|variable| (line_of(source, &variable), variable))
        .collect();
    unknown.sort();
    if unknown.is_empty() {
        return Ok(());
    }
    let places: Vec<String> = unknown
        .iter()
        .map(|(line, variable)| format!("line {line}: there is no variable `{variable}`"))
        .collect();
    Err(TemplateError(format!(
        "template {name}, {}; there are {}",
        places.join(", "),
        known.join(", ")
    )))
}

/// The line of the first tag that names the variable.
fn line_of(source: &str, variable: &str) -> usize {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut line = 1;
    let mut within_tag = false;
    for piece in source.split_inclusive(['{', '}', '\n']) {
        if within_tag
            && piece
                .split(|c| !part_of_name(c))
                .any(|word| word == variable)
        {
            return line;
        }
        within_tag = piece.ends_with('{') || (within_tag && !piece.ends_with('}'));
        line += usize::from(piece.ends_with('\n'));
    }
    line
}

fn strict<'source>() -> Result<Environment<'source>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|name| {
        if Path::new(name).extension() == Some("html".as_ref()) {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    // An endless loop in an operator's text would take the isolate, and other people's downloads, with it.
    environment.set_fuel(Some(FUEL));
    Ok(environment)
}

/// Steps that a template may take. The longest of ours takes fewer than 2,000.
const FUEL: u64 = 100_000;

fn in_words(name: &str, error: &minijinja::Error) -> TemplateError {
    let line = error
        .line()
        .map(|line| format!(", line {line}"))
        .unwrap_or_default();
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    TemplateError(format!("template {name}{line}: {}{detail}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_variables_name_the_template_and_the_line() {
        let error = render_text(
            "LICENSE.txt",
            "Hello\n{{ nmae }}\n",
            json!({ "name": "Ada" }),
        )
        .unwrap_err();
        assert!(
            error.0.starts_with("template LICENSE.txt, line 2:"),
            "{error}"
        );
        assert!(render_text("LICENSE.txt", "{% if %}", json!({})).is_err());
        assert!(render_text("LICENSE.txt", "{% include 'mail/links.txt' %}", json!({})).is_err());
    }

    #[test]
    fn all_unknown_variables_are_named_with_their_lines() {
        let known = ["name".to_owned(), "email".to_owned()];
        let source = "nmae\n{{ name }} {% if false %}\n{{ nmae }}{{\n  maiil }}{% endif %}\n";
        let error = check_variables("LICENSE.txt", source, &known).unwrap_err();
        assert_eq!(
            error.0,
            "template LICENSE.txt, line 3: there is no variable `nmae`, \
             line 4: there is no variable `maiil`; there are name, email"
        );
        let fine = "{% for n in range(2) %}{{ loop.index }}{% endfor %}{% set a = name %}{{ a }}";
        assert_eq!(check_variables("LICENSE.txt", fine, &known), Ok(()));
        assert!(check_variables("LICENSE.txt", "{% if %}", &known).is_err());
    }

    #[test]
    fn texts_are_not_escaped_and_keep_their_last_line() {
        let text = render_text(
            "README.txt",
            "Hi {{ name }}\n",
            json!({ "name": "O'Brien & <Söhne>" }),
        )
        .unwrap();
        assert_eq!(text, "Hi O'Brien & <Söhne>\n");
    }

    #[test]
    fn an_endless_template_ends() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(render_text("README.txt", endless, json!({})).is_err());
    }

    #[test]
    fn all_built_in_templates_parse() {
        let mut environment = strict().unwrap();
        for (name, source) in BUILT_IN {
            environment.add_template(name, source).unwrap();
        }
    }
}
