// Package dashboards holds the Grafana dashboards of Picket, and writes them
// where Grafana reads them.
//
// # What is here
//
//	json/           the dashboards, one question each: overview, client, target,
//	                fleet, provider, dns, sla, self. Generated and committed
//	boards/         what they show, in Go; grafana/ is the JSON model they are made of
//	provisioning/   the data source, the folder, and one alert rule, as Grafana's
//	                provisioning files
//
// After a change of boards/ or grafana/: go generate ./dashboards
//
// They are part of the binary, so that dashboards and the points that the Picket
// server writes are always of the same version: `picket grafana export --dir
// /etc/grafana` writes all to where Grafana of a Linux package looks.
//
// # Why InfluxQL
//
// It is the one language that InfluxDB 1.8, 2.x and 3.x all speak. Flux is off in
// 1.8 and gone in 3.x; SQL is in 3.x only. The measurements, tags and fields are
// those of picket/collector/influx. Only measured here: 1.8.
//
// # Rules of a dashboard, and the tests that hold them
//
// lint_test.go holds the form of the JSON; values_test.go and told_*_test.go fill a real InfluxDB by
// the real writer, run every query of every panel, variable and annotation as
// Grafana would, and compare the values with what was staged, by hand-made tables.
// A panel without such a table fails, and so does one that nothing staged shows in.
// recorded_test.go asks what a person asks of a recording of the demo: calm, a
// region that is down, a site whose line was cut.
//
//   - A board answers one question, which is its description. Variables are chained
//     (client, site; cloud, kind of service, region), links keep time and choices.
//   - Counts are sites and ISPs, never agents, and clouds are named by region only
//     where the service is regional.
//   - Missing data is never green. "Now" panels look at the last 3 (agents,
//     verdicts: drawn every 30 s) or 10 minutes (probes) through the panel's own
//     time override, and not at the dashboard's range, in which `last` would show
//     yesterday's state of a dead collector as today's. With an absolute range in
//     the URL Grafana drops the override, and "now" means the end of that range.
//   - Lines and timelines are drawn with fill(null), never fill(previous), fill(0) or
//     fill(none): a state timeline prolongs the last state over points that are
//     absent, and only a null ends it.
//   - Sums that may be 0 are computed without WHERE ("down" is floor((state+1)/4)):
//     InfluxQL answers a count over nothing with nothing, which looks like a dead
//     collector when all is well, and the other way round.
//   - The layer of a verdict is drawn over time only, and not as it is now: an
//     absent field keeps its last value under `last`, and would be told of an
//     outage that is over. In a bucket of a timeline it is what was said then.
//   - States over time are the worst of the bucket (max), so that an outage of 40 s
//     survives zooming out.
//   - Verdicts are filtered by scope = 'target', so that coarser scopes can be
//     written one day without counting twice.
//   - What a cloud says of itself has words of its own: "says it is well" is no
//     judgement of ours, and what is not known is grey.
//   - Fields cannot be grouped by in InfluxQL. Causes, status codes and addresses
//     are counted by Grafana over the newest thousand answers, and say so.
//   - Colours are those of the page's dark theme, always with a glyph or a word.
//   - There is no map: nobody declares where sites are. There is one alert rule, for
//     when the Picket server itself is dead; what is an outage is decided by one
//     engine and not by two that may disagree.
//
// There is no tenancy in it: who may open a dashboard sees every client.
package dashboards

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:generate go test . -run TestGeneratedIsCommitted -update

//go:embed json provisioning
var files embed.FS

const (
	// DefaultPage is the address of the Picket page in the dashboards' links.
	DefaultPage = "http://127.0.0.1:8443"
	// DefaultHome is Grafana's configuration folder in the Linux packages and in
	// the official image; the provisioning files say so.
	DefaultHome = "/etc/grafana"

	home = "dashboards/picket" // of the JSON, under Grafana's folder
)

// ErrDiffers: a file that is there already differs from what would be written.
var ErrDiffers = errors.New("a file differs from this version's")

// ErrOption: an option makes no sense.
var ErrOption = errors.New("cannot be used")

// Options say where to write.
type Options struct {
	Dir string // Grafana's configuration folder, or one to copy there; required, made if missing
	// Home is the folder as Grafana sees it, if that is another (a container's
	// mount); "" means the absolute path of Dir.
	Home string
	Page string // address of the Picket page; "" means [DefaultPage]
	// Force overwrites files that differ, as after an upgrade.
	Force bool
}

// Names lists the files by slash-separated path under Dir, sorted.
func Names() []string {
	var names []string
	// The tree is compiled in: walking it cannot fail.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if board, ok := strings.CutPrefix(name, "json/"); ok {
				name = home + "/" + board
			}
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names
}

// File returns the content of one of [Names] as it is built in.
func File(name string) ([]byte, error) {
	if board, ok := strings.CutPrefix(name, home+"/"); ok {
		name = "json/" + board
	}
	return files.ReadFile(name)
}

// Export writes the files and returns the paths of those that changed. Nothing
// is written if one of them differs from what is there, unless o.Force is set.
// errors.Is: [ErrDiffers], [ErrOption].
func Export(o Options) ([]string, error) {
	contents, err := render(&o)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, name := range Names() {
		at := filepath.Join(o.Dir, filepath.FromSlash(name))
		old, err := os.ReadFile(at)
		switch {
		case err == nil && bytes.Equal(old, contents[name]):
			continue
		case err == nil && !o.Force:
			return nil, fmt.Errorf("export dashboards: %s: %w", at, ErrDiffers)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
		changed = append(changed, name)
	}
	for i, name := range changed {
		at := filepath.Join(o.Dir, filepath.FromSlash(name))
		if err := replace(at, contents[name]); err != nil {
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
		changed[i] = at
	}
	return changed, nil
}

// render fills in what depends on where Grafana and the page are.
func render(o *Options) (map[string][]byte, error) {
	if o.Dir == "" {
		return nil, fmt.Errorf("export dashboards: no folder is named: %w", ErrOption)
	}
	abs, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("export dashboards: %w", err)
	}
	if o.Home == "" {
		o.Home = filepath.ToSlash(abs)
	}
	if strings.ContainsAny(o.Home, "$#:'\"\n") && !isDrive(o.Home) {
		return nil, fmt.Errorf("export dashboards: the folder %q would be misread by Grafana: %w", o.Home, ErrOption)
	}
	if o.Page == "" {
		o.Page = DefaultPage
	}
	o.Page = strings.TrimRight(o.Page, "/")
	u, err := url.Parse(o.Page)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.ContainsAny(o.Page, "${}\"\\") {
		return nil, fmt.Errorf("export dashboards: the page %q is no plain http or https address: %w", o.Page, ErrOption)
	}
	contents := map[string][]byte{}
	for _, name := range Names() {
		b, err := File(name)
		if err != nil {
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
		b = bytes.ReplaceAll(b, []byte(DefaultHome+"/"+home), []byte(path.Join(o.Home, home)))
		if strings.HasSuffix(name, ".json") {
			quoted, err := json.Marshal(o.Page)
			if err != nil {
				return nil, fmt.Errorf("export dashboards: %w", err)
			}
			b = bytes.ReplaceAll(b, []byte(`"`+DefaultPage+`"`), quoted)
		}
		contents[name] = b
	}
	return contents, nil
}

// isDrive allows the one colon of a Windows path.
func isDrive(p string) bool {
	return len(p) > 2 && p[1] == ':' && !strings.ContainsAny(p[2:], "$#:'\"\n")
}

// replace writes content beside path and renames it, since Grafana reads the
// folder while we write. The files hold no secret and Grafana is another user.
func replace(at string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(at), ".picket-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), at)
}
