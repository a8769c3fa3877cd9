package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"picket/collector/config"
)

// TestEveryWayIsRead holds each way of a route as the file writes it.
func TestEveryWayIsRead(t *testing.T) {
	for _, c := range []struct {
		way, line string
		want      config.Route
	}{
		{"slack", "slack: {url_file: s}", config.Route{Slack: &config.Secret{File: "/etc/s"}}},
		{"teams", "teams: {url_env: T}", config.Route{Teams: &config.Secret{Env: "T"}}},
		{"pagerduty", "pagerduty: {key_file: k}", config.Route{PagerDuty: &config.PagerDuty{Key: config.Secret{File: "/etc/k"}, URL: config.PagerDutyURL}}},
		{"pagerduty", "pagerduty: {key_env: K, url: \"https://events.eu.pagerduty.com/v2/enqueue\"}",
			config.Route{PagerDuty: &config.PagerDuty{Key: config.Secret{Env: "K"}, URL: "https://events.eu.pagerduty.com/v2/enqueue"}}},
		{"alertmanager", "alertmanager: {url: \"http://am.example:9093\"}", config.Route{Alertmanager: &config.Alertmanager{URL: "http://am.example:9093"}}},
		{"alertmanager", "alertmanager: {url: \"https://am.example\", username: picket, password_env: P}",
			config.Route{Alertmanager: &config.Alertmanager{URL: "https://am.example", Username: "picket", Password: config.Secret{Env: "P"}}}},
		{"alertmanager", "alertmanager: {url: \"http://127.0.0.1:9093\", token_env: P}",
			config.Route{Alertmanager: &config.Alertmanager{URL: "http://127.0.0.1:9093", Token: config.Secret{Env: "P"}}}},
		{"ticket", "ticket: {webhook: \"https://psa.example/x\", secret_env: S, per: client}",
			config.Route{Ticket: &config.Ticket{Webhook: "https://psa.example/x", Secret: config.Secret{Env: "S"}, PerClient: true}}},
		{"ticket", "ticket: {mail: [tickets@psa.example]}", config.Route{Ticket: &config.Ticket{Mail: []string{"tickets@psa.example"}}}},
		{"shoutrrr", "shoutrrr: {url_env: N}", config.Route{Shoutrrr: &config.Secret{Env: "N"}}},
	} {
		f, err := config.Parse("/etc/p.yaml", []byte("smtp: {host: m.example, from: p@m.example}\nalerts:\n- name: a\n  "+c.line+"\n"))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		got := f.Alerts[0]
		if got.Way() != c.way {
			t.Errorf("%s: goes by %s", c.line, got.Way())
		}
		want := got
		want.Slack, want.Teams, want.Shoutrrr = c.want.Slack, c.want.Teams, c.want.Shoutrrr
		want.PagerDuty, want.Alertmanager, want.Ticket = c.want.PagerDuty, c.want.Alertmanager, c.want.Ticket
		if !reflect.DeepEqual(got, want) || got.Webhook != "" || len(got.Mail) > 0 {
			t.Errorf("%s: got %+v", c.line, got)
		}
	}
}

// TestNoSecretStandsInTheFile: whoever pastes one is told where to put it, and
// the message does not repeat it.
func TestNoSecretStandsInTheFile(t *testing.T) {
	for line, want := range map[string]string{
		"slack: {url: \"https://hooks.example/HUNTER2\"}":                             "alerts[0].slack.url is a secret and must not stand here",
		"teams: {url: \"https://x.example/HUNTER2\"}":                                 "name that with url_file",
		"shoutrrr: {url: \"ntfy://u:HUNTER2@ntfy.example/t\"}":                        "must not stand here",
		"pagerduty: {key: HUNTER2}":                                                   "name that with key_file",
		"alertmanager: {url: \"https://am.example\", username: a, password: HUNTER2}": "must not stand here",
		"ticket: {webhook: \"https://psa.example/\", secret: HUNTER2}":                "must not stand here",
		"slack: {}":                        "does not say where its URL is: name a file with url_file or a variable with url_env",
		"slack: {url_file: a, url_env: B}": "has both url_file and url_env: keep one",
		"slack: {url_env: \"https://hooks.example/HUNTER2\"}": "not the name of an environment variable",
		"pagerduty: {url: \"https://pd.example/\"}":           "does not say where its integration key is",
		"alertmanager: {}": "alertmanager.url is missing",
		"alertmanager: {url: \"http://am.example\", token_env: T}":    "url is unencrypted, and a password or token would go over it",
		"alertmanager: {url: \"https://a.example\", username: a}":     "does not say where the password is",
		"alertmanager: {url: \"https://a.example\", password_env: P}": "has a password and no username",
		"ticket: {}": "says no service desk",
		"ticket: {webhook: \"https://a.example\", mail: [a@b.example]}":   "has both webhook and mail",
		"ticket: {webhook: \"https://a.example\"}":                        "does not say where the secret that signs is",
		"ticket: {mail: [a@b.example], per: client}":                      "per: client needs a webhook",
		"ticket: {mail: [a@b.example]}":                                   "writes mail, but the file has no smtp",
		"slack: {url_env: S}\n  secret_env: X":                            "what slack needs stands under slack",
		"slack: {url_env: S}\n  teams: {url_env: T}":                      "has both slack and teams: make a route of each",
		"slack: [https://hooks.example/HUNTER2]":                          "alerts[0].slack",
		"ticket: {webhook: \"https://a.example\", secret_env: S, per: x}": "incident",
	} {
		_, err := config.Parse("p.yaml", []byte("alerts:\n- name: a\n  "+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "HUNTER2") {
			t.Errorf("%s\n got %v\nwant %s", line, err, want)
		}
	}
}

func TestAWayThatChangesIsSaidWithoutItsSecrets(t *testing.T) {
	parse := func(line string) *config.File {
		f, err := config.Parse("p.yaml", []byte("smtp: {host: m.example, from: p@m.example}\nalerts:\n- name: a\n  "+line+"\n"))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return f
	}
	for _, c := range []struct{ was, now, want string }{
		{"slack: {url_env: S}", "teams: {url_env: S}", "slack -> teams"},
		{"slack: {url_env: S}", "slack: {url_env: T}", "another place of the secret"},
		{"alertmanager: {url: \"http://a.example/HUNTER2\"}", "alertmanager: {url: \"http://a.example/x\"}", "another URL"},
		{"alertmanager: {url: \"https://a.example\", username: a, password_env: P}", "alertmanager: {url: \"https://a.example\", username: b, password_env: P}", "another user name"},
		{"pagerduty: {key_env: K}", "pagerduty: {key_env: K, url: \"https://e.example\"}", "another URL"},
		{"ticket: {webhook: \"https://a.example/HUNTER2\", secret_env: S}", "ticket: {webhook: \"https://a.example/HUNTER2\", secret_env: S, per: client}", "tickets per incident -> per client"},
		{"ticket: {mail: [a@b.example]}", "ticket: {mail: [c@b.example]}", "other recipients"},
		{"mail: [a@b.example]", "ticket: {mail: [a@b.example]}", "mail -> ticket, delay 12s -> 3m, class page -> ticket"},
	} {
		changes := config.Diff(parse(c.was), parse(c.now))
		if len(changes) != 1 || changes[0].What != c.want {
			t.Errorf("%s -> %s: %+v", c.was, c.now, changes)
		}
	}
}

// TestASecretOfAWayThatCannotBeReadIsFoundEarly: before an outage, not in it.
func TestASecretOfAWayThatCannotBeReadIsFoundEarly(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{
		"slack: {url_file: /nowhere/s}": 1, "slack: {url_file: " + there + "}": 0, "pagerduty: {key_file: /nowhere/k}": 1,
		"alertmanager: {url: \"https://a.example\", token_file: /nowhere/t}": 1, "alertmanager: {url: \"http://a.example\"}": 0,
		"ticket: {webhook: \"https://a.example\", secret_file: /nowhere/t}": 1,
	} {
		f, err := config.Parse("p.yaml", []byte("alerts:\n- name: a\n  "+line+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if errs := f.Unreadable(); len(errs) != want {
			t.Errorf("%s: %v", line, errs)
		}
	}
}
