package main

import (
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (o *office) picket(args ...string) (string, int) {
	o.t.Helper()
	return run1(o.t, exec.Command(binary(o.t, "picket"), append(args, "--data", o.data)...))
}

func (o *office) agentDoes(state string, args ...string) (string, int) {
	o.t.Helper()
	return run1(o.t, exec.Command(binary(o.t, "picket-agent"), append(args, "--state", filepath.Join(o.dir, state))...))
}

func (o *office) runAgent(state string) *process {
	o.t.Helper()
	return start(o.t, "agent "+state, exec.Command(binary(o.t, "picket-agent"), "run", "--state", filepath.Join(o.dir, state)))
}

// up waits until the agent of a state directory is connected.
func (o *office) up(state string) {
	o.t.Helper()
	eventually(o.t, 40*time.Second, state+" is connected", func() bool { _, code := o.agentDoes(state, "status"); return code == 0 })
}

// pending are the ids of the machines that wait, by the site that they name.
func (o *office) pending() map[string]string {
	o.t.Helper()
	out, code := o.picket("agent", "pending", "--json")
	var list struct {
		Data []struct{ ID, Wish, State, From string }
	}
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		o.t.Fatalf("pending: exit %d, %v: %s", code, err, out)
	}
	ids := map[string]string{}
	for _, q := range list.Data {
		if q.From != "127.0.0.1" {
			o.t.Errorf("asked from %q", q.From)
		}
		ids[q.Wish] = q.ID
	}
	return ids
}

func TestATenantsMachineWaitsAndThenFinishesByItself(t *testing.T) {
	o := newOffice(t)
	out, code := o.picket("token", "create", "--kind", "tenant", "--client", "acme")
	if code != 0 || !strings.Contains(out, "any site of acme") || !strings.Contains(out, "500 agents") || !strings.Contains(out, "picket agent pending") {
		t.Fatalf("create: exit %d: %s", code, out)
	}
	token := tokenIn(t, out)
	for site, state := range map[string]string{"lisbon": "a", "porto": "b"} {
		if out, code := o.agentDoes(state, "join", token, "--site", site); code != 0 || !strings.Contains(out, "E112 waiting for approval") || !strings.Contains(out, "picket agent approve") {
			t.Fatalf("join: exit %d: %s", code, out)
		}
	}
	private(t, o.dir, token)
	ids := o.pending()
	if len(ids) != 2 {
		t.Fatalf("pending %v", ids)
	}
	agent := o.runAgent("a") // the window is closed, the service goes on
	if out, code := o.picket("agent", "approve", "nobody"); code != 2 || !strings.Contains(out, "picket agent pending") {
		t.Errorf("approve nobody: exit %d: %s", code, out)
	}
	if out, code := o.picket("agent", "approve", ids["lisbon"], "--region", "eu"); code != 0 || !strings.Contains(out, "acme/lisbon") {
		t.Fatalf("approve: exit %d: %s", code, out)
	}
	if out, code := o.picket("agent", "deny", ids["porto"]); code != 0 {
		t.Fatalf("deny: exit %d: %s", code, out)
	}
	o.up("a")
	if out, code := o.agentDoes("b", "join", token, "--site", "porto"); code != 4 || !strings.Contains(out, "denied") {
		t.Errorf("a machine that was denied: exit %d: %s", code, out)
	}
	if out, code := o.agentDoes("c", "join", token); code != 0 || !strings.Contains(out, "E112") {
		t.Errorf("a machine that names no site: exit %d: %s", code, out)
	}
	if out, code := o.agentDoes("c", "status"); code != 10 || !strings.Contains(out, "E112") || !strings.Contains(out, o.pending()[""]) {
		t.Errorf("its status: exit %d: %s", code, out)
	}
	if out, code := o.picket("agent", "approve", o.pending()[""]); code != 2 || !strings.Contains(out, "--site") {
		t.Errorf("approved for no site: exit %d: %s", code, out)
	}
	if out, _ := o.picket("token", "list"); !strings.Contains(out, "1/500") || !strings.Contains(out, "acme, any site") || !strings.Contains(out, "from 127.0.0.1") || !strings.Contains(out, "by operator") {
		t.Errorf("the list: %s", out)
	}
	if left, err := os.ReadDir(filepath.Join(o.dir, "a")); err != nil {
		t.Error(err)
	} else {
		for _, f := range left {
			if f.Name() == "waiting.json" || f.Name() == "pending.key" {
				t.Errorf("%s stays behind", f.Name())
			}
		}
	}
	agent.stop()
}

// private wants that no file under dir that others may read holds the token.
func private(t *testing.T, dir, token string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(src), token) {
			return err
		}
		found++
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s holds the token and has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("the token is in %d files, %v", found, err)
	}
}

func TestACopiedStateDirectoryIsRefused(t *testing.T) {
	o := newOffice(t)
	if out, code := o.join(o.token(), "a"); code != 0 {
		t.Fatal(out)
	}
	if err := os.CopyFS(filepath.Join(o.dir, "copy"), os.DirFS(filepath.Join(o.dir, "a"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"copy", "copy/agent.key"} { // CopyFS makes its own modes
		if err := os.Chmod(filepath.Join(o.dir, name), map[bool]fs.FileMode{true: 0o700, false: 0o600}[name == "copy"]); err != nil {
			t.Fatal(err)
		}
	}
	o.runAgent("a")
	o.up("a")
	o.runAgent("copy")
	eventually(t, 60*time.Second, "the copy is told", func() bool {
		out, code := o.agentDoes("copy", "status")
		return code == 4 && strings.Contains(out, "E111") && strings.Contains(out, "--force-new-identity")
	})
	o.up("a")
	if out, code := o.picket("agent", "list"); code != 0 || !strings.Contains(out, "copied") {
		t.Errorf("the operator sees: %s", out)
	}
}

func TestSitesComeFromAList(t *testing.T) {
	o := newOffice(t)
	write := func(name, text string) string {
		path := filepath.Join(o.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.csv", "client,site,region,isp,hosted_by\nacme,madrid,eu,AS1,\nacme,madrid,eu,AS1,\n,x,,,\nacme,a/b,,,nimbus\n")
	out, code := o.picket("site", "import", bad)
	if code != 2 {
		t.Errorf("a bad list: exit %d", code)
	}
	for _, says := range []string{"line 3: the site acme/madrid is on line 2", "line 4: bad name: the client is empty", "line 5: bad name: the site \"a/b\" has a slash", "line 5: hosted_by: there is no provider \"nimbus\""} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	good := write("sites.csv", "client,site,region,isp\nacme,madrid,eu,AS1\nacme,=cmd|'C calc'!A0,,\nglobex,hq,,\n")
	if out, code := o.picket("site", "import", good, "--plan"); code != 0 || !strings.Contains(out, "3 new") || !strings.Contains(out, "Nothing was done") {
		t.Errorf("plan: exit %d: %s", code, out)
	}
	tokens := filepath.Join(o.dir, "tokens.csv")
	if out, code := o.picket("site", "import", good, "--out", tokens); code != 0 || !strings.Contains(out, "3 join tokens made") || strings.Contains(out, "pk1_") {
		t.Fatalf("import: exit %d: %s", code, out)
	}
	if info, err := os.Stat(tokens); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the tokens' file: %v, %v", info.Mode(), err)
	}
	if out, code := o.picket("site", "import", good, "--out", tokens); code != 2 || !strings.Contains(out, "is there already") {
		t.Errorf("onto the same file: exit %d: %s", code, out)
	}
	src, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(src))).ReadAll()
	if err != nil || len(rows) != 4 || !strings.HasPrefix(rows[1][5], "pk1_") || !strings.HasPrefix(rows[2][1], "'=cmd") {
		t.Fatalf("printed %q, %v", rows, err)
	}
	if out, code := o.join(rows[3][5], "hq"); code != 0 || !strings.Contains(out, "site globex/hq") {
		t.Errorf("join with a token of the list: exit %d: %s", code, out)
	}
	out, code = o.picket("site", "import", tokens) // what was printed, again
	if code != 0 || strings.Contains(out, "pk1_") || !strings.Contains(out, "0 new, 0 changed, 3 as before; 0 join tokens made") {
		t.Errorf("again: exit %d: %s", code, out)
	}
}

func TestABundleIsCarriedToTheMachine(t *testing.T) {
	o := newOffice(t)
	path := filepath.Join(o.dir, "acme.pkbundle")
	out, code := o.picket("token", "create", "--client", "acme", "--site", "madrid", "--offline", "-o", path)
	if code != 0 || strings.Contains(out, "pk1_") || !strings.Contains(out, "join --bundle "+path) {
		t.Fatalf("create: exit %d: %s", code, out)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v, %v", info.Mode(), err)
	}
	if out, code := o.picket("token", "create", "--client", "acme", "--site", "madrid", "--offline", "-o", path); code != 2 || !strings.Contains(out, "is there already") {
		t.Errorf("over it: exit %d: %s", code, out)
	}
	if out, code := o.agentDoes("a", "join", "--bundle", path); code != 0 || !strings.Contains(out, "site acme/madrid") {
		t.Errorf("join: exit %d: %s", code, out)
	}
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	if out, code := o.agentDoes("b", "join", "--bundle", path); code != 2 || !strings.Contains(out, "E101") {
		t.Errorf("a cut one: exit %d: %s", code, out)
	}
}

func TestARentedServerIsNoWitnessAgainstItsLandlord(t *testing.T) {
	o := newOffice(t)
	if out, code := o.picket("token", "create", "--client", "acme", "--site", "vps", "--hosted-by", "clout"); code != 2 || !strings.Contains(out, "cloud") {
		t.Errorf("a misspelt provider: exit %d: %s", code, out)
	}
	if out, code := o.join(o.token("--hosted-by", "cloud"), "a"); code != 0 {
		t.Fatal(out)
	}
	o.runAgent("a")
	o.up("a")
	eventually(t, 20*time.Second, "coverage says why it does not count", func() bool {
		out, code := o.picket("coverage")
		return code == 0 && strings.Contains(out, "runs on this cloud's own servers")
	})
	o.token("--hosted-by", "none")
	eventually(t, 20*time.Second, "told otherwise, it counts", func() bool {
		out, code := o.picket("coverage")
		return code == 0 && !strings.Contains(out, "runs on this cloud's own servers")
	})
}
