package collector

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket/collector/alert/channel"
	"picket/collector/config"
)

// TestEveryWayOfTheFileIsAChannel: what the file can say is what the channels
// can do, and a list of routes tells no secret.
func TestEveryWayOfTheFileIsAChannel(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("https://hooks.example/HUNTER2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	phone := filepath.Join(t.TempDir(), "phone")
	if err := os.WriteFile(phone, []byte("telegram://HUNTER2@telegram?chats=HUNTER2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := strings.NewReplacer("SECRET", secret, "PHONE", phone).Replace(`
smtp: {host: m.example, from: p@m.example}
alerts:
- {name: webhook, webhook: "https://hooks.example/HUNTER2", secret_file: SECRET}
- {name: mail, mail: [a@m.example]}
- {name: slack, slack: {url_file: SECRET}}
- {name: teams, teams: {url_file: SECRET}}
- {name: pagerduty, pagerduty: {key_file: SECRET}}
- {name: alertmanager, alertmanager: {url: "https://hooks.example/HUNTER2", token_file: SECRET}}
- {name: ticket, ticket: {webhook: "https://hooks.example/HUNTER2", secret_file: SECRET, per: client}}
- {name: shoutrrr, shoutrrr: {url_file: PHONE}}
`)
	file, err := config.Parse("p.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	all := ways(file)
	want := map[string]string{"webhook": "https://hooks.example", "mail": "a@m.example", "slack": "https://hooks.example", "teams": "https://hooks.example",
		"pagerduty": "https://events.pagerduty.com", "alertmanager": "https://hooks.example", "ticket": "https://hooks.example", "shoutrrr": "telegram"}
	for _, kind := range channel.Kinds() {
		w := all[string(kind)]
		if w == nil || w.Kind() != kind || !slices.Equal(w.To(), []string{want[string(kind)]}) {
			t.Errorf("%s: %T %v", kind, w, w)
		}
	}
	for _, r := range routes(file) {
		if strings.Contains(r.By, "HUNTER2") {
			t.Errorf("%s: %s", r.Name, r.By)
		}
	}
	if w, ok := all["ticket"].(channel.Ticket); !ok || !w.PerClient || w.Secret == nil {
		t.Errorf("ticket: %+v", w)
	}
	if w, ok := all["alertmanager"].(channel.Alertmanager); !ok || w.Token == nil || w.Password != nil {
		t.Errorf("alertmanager: %+v", w)
	}
}
