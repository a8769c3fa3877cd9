package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"picket/collector"
	"picket/collector/config"
)

// setup is one run of picket setup: the answers, and how they are got.
//
// Every question is a flag and has a default, so that the same list serves a
// person at a terminal, a script with --yes, and the help. All answers become
// the text of a fleet file, and only what the parser of fleet files takes goes
// on: there is no second opinion here of what is valid.
type setup struct {
	ctx    context.Context // of the command: its end interrupts a question
	in     *bufio.Reader
	out    io.Writer                                                // what people read
	secret func() (string, error)                                   // asks without echo
	lookup func(ctx context.Context, host string) ([]string, error) // of names
	askDNS bool                                                     // what alerts and the page depend on
	ask    bool                                                     // there is somebody to ask

	given  map[string]bool   // flags that were set
	answer map[string]string // by flag
	hidden map[string]string // secrets, by the flag of their file without "-file"

	yes, dryRun, force, skip bool
	made                     bool // the admin's password was made here
	file                     *config.File
	text                     []byte // of file
}

func setupCommand() *cobra.Command {
	s := &setup{answer: map[string]string{}, given: map[string]bool{}, hidden: map[string]string{}, lookup: net.DefaultResolver.LookupHost, askDNS: true}
	return s.command()
}

func (s *setup) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set up a Picket server: a few questions, each with a default",
		Long: `Set up a Picket server: a few questions, each with a default.

Writes a commented configuration, makes the data folder with the server's keys,
the first user and the first join token, and says what to run next. Nothing is
written before everything was checked. --yes takes the defaults without asking;
every question is a flag. Secrets come from files, from standard input (-) or
from a prompt, never from a flag, and are kept in files that only the server's
user can read.`,
		Example: `  sudo picket setup
  picket setup --yes --public picket.msp.example --http 0.0.0.0:8443 --tls own-ca --admin ana
  picket setup --yes --dry-run`,
		Args: cobra.NoArgs,
	}
	values := map[string]*string{}
	f := cmd.Flags()
	for _, q := range questions() {
		values[q.flag] = f.String(q.flag, "", q.usage)
	}
	f.BoolVar(&s.yes, "yes", false, "ask nothing, take the defaults")
	f.BoolVar(&s.dryRun, "dry-run", false, "check everything, print the configuration, write nothing")
	f.BoolVar(&s.force, "force", false, "set up again: the configuration is replaced (the old one is kept as .bak); keys, agents, users and history stay")
	f.BoolVar(&s.skip, "skip-checks", false, "do not check ports, names, InfluxDB and the mail server")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for flag, v := range values {
			if s.given[flag] = f.Changed(flag); s.given[flag] {
				s.answer[flag] = *v
			}
		}
		s.ctx = cmd.Context()
		s.in, s.out = bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout()
		if s.secret == nil {
			s.secret = s.unseen
		}
		s.ask = !s.yes && (s.ask || term.IsTerminal(int(os.Stdin.Fd())))
		if !s.yes && !s.ask {
			return &failure{exitUsage, "there is no terminal to ask at, nothing was written", nil, "pass --yes to take the defaults, and flags for what should be different (picket setup --help)"}
		}
		return s.run(cmd)
	}
	return cmd
}

// unseen reads a line from the terminal without showing it.
func (s *setup) unseen() (string, error) {
	b, err := answered(s.ctx, func() ([]byte, error) { return term.ReadPassword(int(os.Stdin.Fd())) })
	fmt.Fprintln(s.out)
	return string(b), err
}

func (s *setup) run(cmd *cobra.Command) error {
	if s.ask {
		fmt.Fprintln(s.out, "Picket setup. Return takes what stands in [brackets]; nothing is written before the end.")
	}
	for _, q := range questions() {
		if err := s.put(q); err != nil {
			return err
		}
		if q.flag == "data" {
			if err := s.checkFolder(); err != nil {
				return err // before a dozen questions, not after
			}
		}
	}
	if err := s.render(); err != nil {
		return err
	}
	if !s.skip {
		if err := s.check(cmd.Context()); err != nil {
			return err
		}
	}
	for _, w := range warnings(s.file) {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
	}
	printIndependence(cmd.ErrOrStderr(), collector.CheckIndependence(cmd.Context(), s.file, s.askDNS && !s.skip))
	if s.dryRun {
		fmt.Fprintf(s.out, "Would write %s:\n\n%s\nand make the data folder %s. Nothing was written.\n", s.answer["config"], s.text, s.answer["data"])
		return nil
	}
	if s.ask && !s.goOn() {
		return &failure{exitInterrupted, "nothing was written", nil, ""}
	}
	done, err := s.write(cmd.Context())
	if err != nil {
		return err
	}
	s.report(done)
	return nil
}

// goOn shows what will be written and asks.
func (s *setup) goOn() bool {
	fmt.Fprintf(s.out, "\nConfiguration %s, data folder %s. ", s.answer["config"], s.answer["data"])
	line, err := s.readLine("Write them? [Y/n] ")
	line = strings.ToLower(line)
	return err == nil && (line == "" || line == "y" || line == "yes")
}

// put gets the answer to one question: the flag's, the person's, or the default.
func (s *setup) put(q question) error {
	if q.when != nil && !q.when(s) {
		if s.given[q.flag] && s.answer[q.flag] != "" {
			return &failure{exitUsage, fmt.Sprintf("--%s has nothing to do here, nothing was written", q.flag), errors.New(q.needs), ""}
		}
		return nil
	}
	fallback := ""
	if q.normal != nil {
		fallback = q.normal(s)
	}
	if q.secret {
		return s.putSecret(q)
	}
	if s.given[q.flag] || !s.ask || q.quiet {
		v := fallback
		if s.given[q.flag] {
			v = strings.TrimSpace(s.answer[q.flag])
		}
		if err := s.take(q, v); err != nil {
			said := fmt.Sprintf("--%s %q", q.flag, v)
			if strings.Contains(v, "://") {
				said = "the URL of --" + q.flag // may have a password in it
			}
			return &failure{exitUsage, said + " is no answer, nothing was written", err, "picket setup --help"}
		}
		return nil
	}
	if q.why != "" {
		fmt.Fprintf(s.out, "\n%s\n", q.why)
	}
	prompt := fmt.Sprintf("%s [%s]: ", q.text, cmp.Or(fallback, "none"))
	if fallback == "" && q.check != nil {
		if _, err := q.check(s, ""); err != nil {
			prompt = q.text + ": " // it must be answered
		}
	}
	for {
		v, err := s.readLine(prompt)
		if err != nil {
			return stopped(err)
		}
		if v == "" || v == "none" && fallback == "" {
			v = fallback
		}
		if err = s.take(q, v); err == nil {
			return nil
		}
		fmt.Fprintln(s.out, " ", err)
	}
}

// stopped says that nobody answers any more.
func stopped(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return &failure{exitInterrupted, "the answers ended, nothing was written", err, ""}
}

// take checks v and keeps it.
func (s *setup) take(q question, v string) error {
	if q.check != nil {
		var err error
		if v, err = q.check(s, v); err != nil {
			return err
		}
	}
	s.answer[q.flag] = v
	return nil
}

func (s *setup) readLine(prompt string) (string, error) {
	fmt.Fprint(s.out, prompt)
	line, err := answered(s.ctx, func() (string, error) { return s.in.ReadString('\n') })
	if len(line) > 4096 {
		return "", errors.New("the line is too long")
	}
	return strings.TrimSpace(line), err
}

// putSecret gets a secret from its file, from standard input, or from a prompt.
func (s *setup) putSecret(q question) error {
	name := strings.TrimSuffix(q.flag, "-file")
	path := s.answer[q.flag]
	switch {
	case path == "-":
		line, err := s.in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return &failure{exitUsage, "cannot read --" + q.flag + " from standard input", err, ""}
		}
		s.hidden[name] = strings.TrimRight(line, "\r\n")
	case path != "":
		b, err := config.Secret{File: path}.Read()
		if err != nil {
			return &failure{exitUsage, "--" + q.flag + " cannot be used, nothing was written", err, ""}
		}
		s.hidden[name] = string(b)
	case s.ask:
		return s.prompt(q, name)
	}
	if q.check == nil {
		return nil
	}
	if _, err := q.check(s, s.hidden[name]); err != nil {
		return &failure{exitUsage, "--" + q.flag + ": nothing was written", err, ""}
	}
	return nil
}

// prompt asks for a secret without showing it, until it will do.
func (s *setup) prompt(q question, name string) error {
	for {
		fmt.Fprintf(s.out, "%s: ", q.text)
		text, err := s.secret()
		if err != nil {
			return stopped(err)
		}
		s.hidden[name] = text
		if q.check != nil {
			if _, err = q.check(s, text); err != nil {
				fmt.Fprintln(s.out, " ", err)
				continue
			}
		}
		if !q.twice || text == "" {
			return nil
		}
		fmt.Fprint(s.out, "Again: ")
		again, err := s.secret()
		if err != nil {
			return stopped(err)
		}
		if again == text {
			return nil
		}
		fmt.Fprintln(s.out, "  the two are not the same")
	}
}

// checkFolder refuses a data folder that is in use already.
func (s *setup) checkFolder() error {
	dir := s.answer["data"]
	err := collector.PrepareCheck(dir)
	switch {
	case err == nil || s.force && errors.Is(err, collector.ErrPrepared):
		return nil
	case errors.Is(err, collector.ErrNotOurs):
		return &failure{exitUsage, dir + " is not empty and no data folder of Picket, nothing was written", err, "name an empty or a new folder with --data"}
	case errors.Is(err, collector.ErrPrepared):
		return &failure{exitUsage, "the data folder " + dir + " is not empty, nothing was written", err,
			"change what runs with: picket config apply FILE. Name another folder with --data, or set up again with --force (keys, agents, users and history stay)"}
	}
	return explainListen(err, dir)
}
