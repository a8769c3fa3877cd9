package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"picket/cmd/picket/simulate"
)

// simulateGC lets the heap grow to five times what is in use, a few MB a run,
// before it is cleared: a sixth of the CPU of a suite [E].
const simulateGC = 400

// simulateFlags are the flags of picket simulate.
type simulateFlags struct {
	json      bool
	seeds     int
	seed      uint64
	years     float64
	rule      string
	baselines bool
	explain   bool
	picture   string
	defaults  bool
	jobs      int
}

// simulateCommand plays scenarios on the code that watches in production.
func simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate FILE...",
		Short: "Play outages with a known truth: what is found, how soon, and what is claimed wrongly",
		Long: `Plays scenarios on the code that watches in production, in virtual time and
without a network, and compares what it declares with what each file says is true.
Every run has a seed, and the same seed gives the same run: what went wrong is
printed with the command that shows it again.

Exit codes: 0 nothing was missed, false or forbidden and every bound held,
11 something was not as it should be, 78 a file is wrong, 130 it was interrupted.`,
		Example: `  picket simulate collector/detect/testdata/scenarios/*.yaml
  picket simulate outage.yaml --seed 7 --explain
  picket simulate outage.yaml --seed 7 --picture outage.svg
  picket simulate outage.yaml --baselines
  picket simulate calm.yaml --years 30`,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	flags.IntVar(&f.seeds, "seeds", 0, "runs of each scenario, instead of what the file says")
	flags.Uint64Var(&f.seed, "seed", 0, "play this seed only; with --seeds, begin with it")
	flags.Float64Var(&f.years, "years", 0, "play so many fleet-years of each scenario instead")
	flags.StringVar(&f.rule, "rule", "", "a rule of others to judge the same runs: single, majority-1m, route53, two-of-n, azure or gcp")
	flags.BoolVar(&f.baselines, "baselines", false, "all six of these")
	flags.BoolVar(&f.explain, "explain", false, "print one run as a timeline")
	flags.StringVar(&f.picture, "picture", "", "draw one run as an SVG into this `file`")
	flags.BoolVar(&f.defaults, "defaults", false, "print the fleet and the targets of a scenario that names none")
	flags.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "runs at a time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(args); err != nil {
			return err
		}
		if f.defaults {
			s := simulate.Defaults()
			_, err := cmd.OutOrStdout().Write(simulate.Write(&s))
			return err
		}
		scenarios, err := loadScenarios(args)
		if err != nil {
			return err
		}
		if f.explain || f.picture != "" {
			return f.show(cmd.Context(), cmd.OutOrStdout(), scenarios[0])
		}
		return f.play(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), scenarios)
	}
	return cmd
}

// check refuses what makes no sense together.
func (f *simulateFlags) check(args []string) error {
	wrong := func(what, fix string) error { return &failure{exitUsage, what, nil, fix} }
	switch one := f.explain || f.picture != ""; {
	case f.defaults && len(args) > 0:
		return wrong("--defaults takes no file", "picket simulate --defaults")
	case !f.defaults && len(args) == 0:
		return wrong("there is no scenario to play", "name one or more files; picket simulate --defaults shows the fleet of a file that names none")
	case one && len(args) != 1:
		return wrong("--explain and --picture show one run of one scenario", "name one file, and --seed N")
	case one && (f.json || f.years > 0 || f.rule != "" || f.baselines || f.seeds > 0):
		return wrong("--explain and --picture show one run and count nothing", "leave out --json, --seeds, --years, --rule and --baselines")
	case f.rule != "" && f.baselines:
		return wrong("--rule and --baselines say two different things", "use one of them")
	case f.years > 0 && (f.rule != "" || f.baselines):
		return wrong("years are played by skipping calm time, which a rule must see", "use --seeds with a scenario of hours or days for --rule and --baselines")
	case f.years < 0 || f.seeds < 0 || f.jobs < 1:
		return wrong("--years and --seeds cannot be below 0, nor --jobs below 1", "")
	}
	return nil
}

// loadScenarios reads all files and tells all that is wrong in all of them.
func loadScenarios(files []string) ([]*simulate.Scenario, error) {
	var all []*simulate.Scenario
	var errs []error
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, &failure{exitUsage, "cannot read " + file, err, ""}
		}
		s, err := simulate.Load(file, src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, s)
	}
	if len(errs) > 0 {
		return nil, &failure{exitConfig, "nothing was played: a scenario is wrong", errors.Join(errs...), "the places are given as file:line:column"}
	}
	return all, nil
}

// show explains or draws one run; its exit code says whether it is as it should be.
func (f *simulateFlags) show(ctx context.Context, out io.Writer, s *simulate.Scenario) error {
	r, err := simulate.Record(ctx, s, max(f.seed, 1))
	if err != nil {
		return unplayed(ctx, err)
	}
	if f.picture != "" {
		if err := os.WriteFile(f.picture, r.Picture(), 0o644); err != nil {
			return &failure{exitInternal, "cannot write the picture", err, ""}
		}
	}
	if f.explain {
		if err := r.Explain(out); err != nil {
			return &failure{exitInternal, "cannot print", err, ""}
		}
	}
	if !r.Verdict.OK() {
		return &verdict{exitFailed}
	}
	return nil
}

// play plays all scenarios and prints what came of them.
func (f *simulateFlags) play(ctx context.Context, out, errOut io.Writer, scenarios []*simulate.Scenario) error {
	debug.SetGCPercent(simulateGC)
	suite := simulate.Suite{Scenarios: scenarios, Seeds: f.seeds, First: f.seed, Years: f.years, Jobs: f.jobs}
	if f.seed > 0 && f.seeds == 0 {
		suite.Seeds = 1
	}
	if f.baselines {
		suite.Rules = simulate.Baselines()
	}
	if f.rule != "" {
		rule, err := simulate.RuleNamed(f.rule)
		if err != nil {
			return &failure{exitUsage, err.Error(), nil, ""}
		}
		suite.Rules = []simulate.Rule{rule}
	}
	tell, done := progress(errOut)
	suite.Progress = tell
	s, err := suite.Run(ctx)
	done()
	if err != nil {
		return unplayed(ctx, err)
	}
	if f.json {
		err = printJSON(out, s)
	} else {
		err = s.Print(out)
	}
	if err == nil && !s.OK {
		return &verdict{exitFailed}
	}
	return err
}

func unplayed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &failure{exitInterrupted, "interrupted: nothing is claimed about runs that were not played", nil, ""}
	}
	return &failure{exitInternal, "cannot play", err, ""}
}

// progress counts runs on one line of a terminal, and says nothing elsewhere.
// The second function clears the line.
func progress(out io.Writer) (func(done, total int), func()) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	ticks := make(chan [2]int, 1) // the newest count; a slow terminal holds up nobody
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for t := range ticks {
			var b bytes.Buffer
			fmt.Fprintf(&b, "\r%d of %d runs", t[0], t[1])
			_, _ = file.Write(b.Bytes())
			time.Sleep(100 * time.Millisecond)
		}
		_, _ = io.WriteString(file, "\r\x1b[K")
	}()
	tell := func(done, total int) {
		select {
		case ticks <- [2]int{done, total}:
		default:
		}
	}
	return tell, func() { close(ticks); <-ended }
}
