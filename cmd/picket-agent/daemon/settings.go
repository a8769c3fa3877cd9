package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxSettings bounds what is read of the settings, in bytes.
const maxSettings = 64 << 10

// UseSettings puts the NAME=VALUE lines of path into the environment, as systemd
// does with an EnvironmentFile: a line that begins with # is a remark, quotes
// around a value go. What the environment has already stays. A missing file, and
// "", are fine; after an error the environment is as it was.
func UseSettings(path string) error {
	pairs, err := loadSettings(path)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if _, there := os.LookupEnv(p[0]); there {
			continue
		}
		if err := os.Setenv(p[0], p[1]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func loadSettings(path string) ([][2]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pairs, err := parseSettings(io.LimitReader(f, maxSettings))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pairs, nil
}

// Set writes NAME=VALUE pairs into the settings of the service, in place of what
// was said of these names; an empty value takes a name out. Remarks are lost. The
// file may be read by administrators, and on Windows by the service: there may be
// a proxy's password in it. The service reads it when it starts.
func (s *Service) Set(pairs []string) error {
	if !elevated() {
		return ErrRights
	}
	news, err := parseSettings(strings.NewReader(strings.Join(pairs, "\n")))
	if err != nil {
		return err
	}
	if len(news) != len(pairs) {
		return errors.New("each setting must be one line NAME=VALUE")
	}
	all, err := loadSettings(s.layout.Settings)
	if err != nil {
		return err
	}
	for _, p := range news {
		all = slices.DeleteFunc(all, func(old [2]string) bool { return old[0] == p[0] })
		if p[1] != "" {
			all = append(all, p)
		}
	}
	var text strings.Builder
	for _, p := range all {
		fmt.Fprintf(&text, "%s=%s\n", p[0], p[1])
	}
	return s.writeSettings(text.String())
}

func (s *Service) writeSettings(text string) (err error) {
	dir, name := filepath.Split(s.layout.Settings)
	if err := settingsDir(s.layout); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, "."+name+"-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // it has another name by then, unless something failed
	_, err = tmp.WriteString(text)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.layout.Settings)
}

// parseSettings never repeats a line in an error: there may be a password in it.
func parseSettings(r io.Reader) ([][2]string, error) {
	var pairs [][2]string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")) // Notepad writes a byte order mark
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("line %d is not NAME=VALUE", n)
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs, lines.Err()
}
