package influxd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrUnavailable: there is no Go toolchain, or no checkout of Picket, to build
// influxd from.
var ErrUnavailable = errors.New("a managed InfluxDB needs the Go toolchain and a checkout of Picket")

const packagePath = "picket/internal/influxd"

// Build makes the influxd binary, or finds it in the build cache, and returns
// its path. errors.Is: [ErrUnavailable].
func Build(ctx context.Context) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	dir, err := moduleDir(ctx, goTool)
	if err != nil {
		return "", err
	}
	// -n prints the path instead of running the tool, after building it.
	out, err := run(ctx, goTool, dir, "tool", "-n", "influxd")
	if err != nil {
		return "", fmt.Errorf("build influxd: %w", err)
	}
	if info, err := os.Stat(out); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("build influxd: the toolchain answered %q, which is no file", out)
	}
	return out, nil
}

// moduleDir finds the nested module: beside this source file as the compiler
// saw it, else (built with -trimpath) beside the package as the go command
// finds it from the working directory.
func moduleDir(ctx context.Context, goTool string) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if dir := filepath.Join(filepath.Dir(file), "module"); isModule(dir) {
			return dir, nil
		}
	}
	found, err := run(ctx, goTool, "", "list", "-f", "{{.Dir}}", packagePath)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not found from the working directory: %v", ErrUnavailable, packagePath, err)
	}
	dir := filepath.Join(found, "module")
	if !isModule(dir) {
		return "", fmt.Errorf("%w: there is no module in %s", ErrUnavailable, dir)
	}
	return dir, nil
}

func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && info.Mode().IsRegular()
}

// run runs the go command in dir and returns the last line that it prints.
func run(ctx context.Context, goTool, dir string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, goTool, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=", "GOARCH=")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, lastLines(stderr.String(), 5))
	}
	return lastLines(strings.TrimSpace(stdout.String()), 1), nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
