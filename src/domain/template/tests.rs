use super::*;
use proptest::prelude::*;

const ADA: [(&str, Value<'_>); 5] = [
    ("name", Value::Text("Ada")),
    ("email", Value::Text("ada@example.com")),
    ("organisation", Value::Text("")),
    ("yes", Value::Flag(true)),
    ("no", Value::Flag(false)),
];

fn rendered(source: &str) -> Result<String, String> {
    render_text("LICENSE.txt", source, &ADA).map_err(|error| error.0)
}

#[test]
fn the_language() {
    for (source, expected) in [
        ("", ""),
        ("no tag", "no tag"),
        ("{{ name }}", "Ada"),
        ("{{name}}{{\n\tname\n}}", "AdaAda"),
        ("Hi {{ name }}!\n", "Hi Ada!\n"),
        ("{{ yes }} {{ no }} [{{ organisation }}]", "True False []"),
        // Words in quotes: how to write brackets.
        ("{{ \"{{ it's }}\" }}{{ '{% \"' }}", "{{ it's }}{% \""),
        ("{{ 'a' if yes else 'b' }}{{ 'a' if no else name }}", "aAda"),
        ("{{ name if not yes }}{{ name if not no }}", "Ada"),
        ("{% if yes %}a{% endif %}{% if no %}b{% endif %}", "a"),
        (
            "{% if not yes %}a{% endif %}{% if not no %}b{% endif %}",
            "b",
        ),
        (
            "{% if name %}a{% endif %}{% if organisation %}b{% endif %}",
            "a",
        ),
        (
            "{% if no %}a{% elif organisation %}b{% elif not no %}c{% else %}d{% endif %}",
            "c",
        ),
        (
            "{% if no %}a{% elif yes %}b{% elif yes %}c{% else %}d{% endif %}",
            "b",
        ),
        ("{% if yes %}a{% elif yes %}b{% else %}d{% endif %}", "a"),
        ("{% if no %}a{% else %}b{% endif %}", "b"),
        (
            "{% if yes %}1{% if no %}2{% else %}3{% endif %}4{% endif %}5",
            "1345",
        ),
        (
            "{% if no %}1{% if yes %}2{% else %}3{% endif %}4{% endif %}5",
            "5",
        ),
        (
            "{% if no %}{% if no %}{% else %}1{% endif %}{% else %}2{% endif %}",
            "2",
        ),
        ("a{# {{ nobody }} {% for %} #}b", "ab"),
        ("a{##}b{#-#}c{#- -#} d{#--- ---#} e", "abcde"),
        // What is no tag.
        ("{ name } {", "{ name } {"),
        ("}} %} #} %", "}} %} #} %"),
        ("{ { name }}", "{ { name }}"),
        // Nothing but the tag is touched.
        ("Größe → {{ name }} ✓ 用户", "Größe → Ada ✓ 用户"),
        ("<b>{{ '<&>' }}</b>", "<b><&></b>"),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(expected), "{source:?}");
    }
}

#[test]
fn what_is_filled_in_is_no_template() {
    let variables = [("name", Value::Text("{{ email }}{% if %}"))];
    let text = render_text("README.txt", "{{ name }}", &variables);
    assert_eq!(text.as_deref(), Ok("{{ email }}{% if %}"));
}

#[test]
fn white_space() {
    for (source, expected) in [
        // A block or comment takes its line's end along, and the blanks before it if it begins the line.
        ("a\n{% if yes %}\nb\n{% endif %}\nc\n", "a\nb\nc\n"),
        (
            "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc\r\n",
            "a\r\nb\r\nc\r\n",
        ),
        ("a\n{# b #}\nc", "a\nc"),
        ("  {% if yes %}\n  b\n\t{% endif %}\n", "  b\n"),
        ("a\n  {% if yes %}{% endif %}b", "a\nb"),
        (
            "a\n\n{% if yes %}\n\nb\n\n{% endif %}\n\nc",
            "a\n\n\nb\n\n\nc",
        ),
        // What stands before it in the line keeps its blanks.
        ("a {% if yes %} b {% endif %} c", "a  b  c"),
        ("{{ name }}  {% if yes %}x{% endif %}", "Ada  x"),
        ("{% if yes %}  {% if yes %}x{% endif %}{% endif %}", "  x"),
        // A variable takes nothing along.
        ("a\n  {{ name }}\nb", "a\n  Ada\nb"),
        ("{{ name }}\n\n", "Ada\n\n"),
        // Signs.
        ("a \n {{- name -}} \n b", "aAdab"),
        ("a \n {%- if yes -%} \n b \n {%- endif -%} \n c", "abc"),
        ("a \n {#- x -#} \n b", "ab"),
        ("  {%+ if yes +%}\n  {%+ endif +%}\nb", "  \n  \nb"),
        ("  {#+ x +#}\nb", "  \nb"),
        ("{{+ name +}}\n", "Ada\n"),
        // The last line break stays.
        ("a\n", "a\n"),
        ("a\n{% if yes %}b{% endif %}\n", "a\nb"),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(expected), "{source:?}");
    }
}

#[test]
fn errors_name_the_text_the_line_and_what_is_allowed() {
    for (source, expected) in [
        (
            "a\n{% for x in y %}",
            "line 2: `for` can't stand in this tag",
        ),
        (
            "{% include 'mail/links.txt' %}",
            "line 1: `include` can't stand in this tag",
        ),
        (
            "{% set a = name %}",
            "line 1: `set` can't stand in this tag",
        ),
        ("{% %}", "line 1: `%}` can't stand in this tag"),
        ("{{ }}", "line 1: `}}` can't stand in this tag"),
        (
            "{{ name|upper }}",
            "line 1: `|upper` can't stand in this tag",
        ),
        (
            "{{ name.first }}",
            "line 1: `.first` can't stand in this tag",
        ),
        ("{{ name / 2 }}", "line 1: `/` can't stand in this tag"),
        (
            "{{ name email }}",
            "line 1: `email` can't stand in this tag",
        ),
        ("{{ name if }}", "line 1: `}}` can't stand in this tag"),
        (
            "{{ name if yes else }}",
            "line 1: `}}` can't stand in this tag",
        ),
        ("{{ name %}", "line 1: `%}` can't stand in this tag"),
        (
            "{% if name == 'Ada' %}{% endif %}",
            "line 1: `==` can't stand in this tag",
        ),
        ("{% if %}", "line 1: `%}` can't stand in this tag"),
        (
            "{% if name and email %}",
            "line 1: `and` can't stand in this tag",
        ),
        (
            "{% if yes %}{% endif yes %}",
            "line 1: `yes` can't stand in this tag",
        ),
        (
            "{{ (((((((((((((((((((((((((((",
            "line 1: `((((((((((((((((((((` can't stand in this tag",
        ),
        ("\n\n{{", "line 3: this tag has no end"),
        ("\n{{ name\n\n", "line 2: this tag has no end"),
        ("\n{{ name\nand on", "line 2: `and` can't stand in this tag"),
        ("{% if", "line 1: this tag has no end"),
        ("{{ name -", "line 1: `-` can't stand in this tag"),
        ("\n{# {{ name }}", "line 2: this comment has no end"),
        ("{#-", "line 1: this comment has no end"),
        ("{{ 'it's' }}", "line 1: `s'` can't stand in this tag"),
        (
            "a\n{{ 'it }}\n",
            "line 2: these words have no quote at their end",
        ),
        (
            "a\n{% if yes %}\n{% if no %}{% endif %}\n",
            "line 2: this `{% if %}` has no `{% endif %}`",
        ),
        (
            "a\n{% endif %}",
            "line 2: there is no `{% if %}` that this tag belongs to",
        ),
        (
            "a\n{% else %}",
            "line 2: there is no `{% if %}` that this tag belongs to",
        ),
        (
            "{% if no %}\n{% else %}\n{% else %}{% endif %}",
            "line 3: there is no `{% if %}` that this tag belongs to",
        ),
        (
            "{% if no %}\n{% else %}\n{% elif yes %}{% endif %}",
            "line 3: there is no `{% if %}` that this tag belongs to",
        ),
    ] {
        let expected = format!("template LICENSE.txt, {expected}; allowed are {ALLOWED}");
        assert_eq!(rendered(source), Err(expected), "{source:?}");
    }
}

#[test]
fn unknown_variables_name_the_template_and_the_line() {
    assert_eq!(
        rendered("Hello\n{{ nmae }}\n").unwrap_err(),
        "template LICENSE.txt, line 2: there is no variable `nmae`; there are name, email, organisation, yes, no"
    );
}

#[test]
fn all_unknown_variables_are_named_with_their_lines() {
    let known = [("name", Value::Text("")), ("email", Value::Text(""))];
    // The branch is not taken.
    let source = "nmae\n{{ name }} {% if name %}\n{{ nmae }}{{\n  maiil }}{% endif %}\n{{ nmae }}{% if größe %}{% endif %}";
    assert_eq!(
        render_text("LICENSE.txt", source, &known).unwrap_err().0,
        "template LICENSE.txt, line 3: there is no variable `nmae`, \
         line 4: there is no variable `maiil`, line 5: there is no variable `größe`; there are name, email"
    );
}

#[test]
fn the_largest_texts_take_no_time_and_no_stack() {
    let length = usize::try_from(crate::domain::copy::MAX_TEXT_BYTES).unwrap();
    let filled = |part: &str| part.repeat(length / part.len());
    let text = rendered(&filled("{{name}}")).unwrap();
    assert_eq!(text, "Ada".repeat(length / 8));
    let deep = length / 25;
    let nested = "{% if yes %}".repeat(deep) + "x" + &"{% endif %}".repeat(deep);
    assert_eq!(rendered(&nested).as_deref(), Ok("x"));
    assert!(rendered(&filled("{% if yes %}")).is_err());
    assert!(rendered(&filled("{#")).is_err());
    let spaces = " ".repeat(length);
    assert_eq!(rendered(&spaces), Ok(spaces));
    let unknown: Vec<_> = (0..length / 12)
        .map(|n| format!("{{{{ x{n} }}}}"))
        .collect();
    assert!(rendered(&unknown.concat()).unwrap_err().len() < 4_000);
}

proptest! {
    #[test]
    fn anything_is_rendered_or_refused_without_a_panic(source in ".{0,200}") {
        let rendered = rendered(&source);
        if !source.contains('{') {
            prop_assert_eq!(rendered, Ok(source));
        }
    }

    #[test]
    fn so_is_anything_that_looks_like_a_text(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " ", "\n", "\r", "é", "if", "not", "elif", "else", "endif",
                "name", "yes", "no", "'", "\"", "|", "{{ name }}", "{% if no %}", "{% else %}", "{% endif %}",
            ]),
            0..40,
        )
    ) {
        let source = parts.concat();
        // No tag is left over in what was rendered: all were read, or the text was refused.
        if let Ok(text) = rendered(&source) {
            prop_assert!(!text.contains("{%") && !text.contains("{{") && !text.contains("{#"), "{}", text);
        }
    }
}
