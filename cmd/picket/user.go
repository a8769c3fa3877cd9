package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"picket/collector"
	"picket/collector/access"
	"picket/collector/web"
)

func userCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List who may log in to the page", Args: cobra.NoArgs}
	data := dataFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON object")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := collector.DialOperator(*data).Users(cmd.Context())
		if err != nil {
			return explain(*data, "list users", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Schema string     `json:"schema"`
				Data   []web.User `json:"data"`
			}{"picket.users/v1", all})
		}
		return printUsers(cmd.OutOrStdout(), all)
	}
	return group("user", "Who may log in to the page", createUserCommand(), list,
		changeUserCommand("disable", "Keep a user from logging in, and end its sessions", "User %s is disabled and logged out everywhere.\n"),
		changeUserCommand("enable", "Let a disabled user log in again", "User %s may log in again.\n"),
		changeUserCommand("delete", "Remove a user and its sessions", "User %s is gone. API tokens that it made go on: picket apitoken list\n"),
		changeUserCommand("signout", "End all sessions of a user", "User %s is logged out everywhere.\n"),
		passwordCommand())
}

func createUserCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME --role admin|technician|viewer",
		Short: "Make a user; the password is asked for",
		Long: `Make a user; the password is asked for, or read from a file or standard input.

An admin may do everything on the page. A technician sees everything, asks sites
to check, and enrols agents. A viewer sees one client's sites and what concerns
everybody. With the first user the page asks everybody to log in.`,
		Example: `  picket user create ann --role admin
  picket user create front-desk --role viewer --client acme
  pass picket/ann | picket user create ann --role admin --password-file -`,
		Args: cobra.ExactArgs(1),
	}
	data := dataFlag(cmd)
	role := cmd.Flags().String("role", "", "what the user may do: admin, technician or viewer")
	client := cmd.Flags().String("client", "", "the `client` that a viewer sees")
	file := passwordFlag(cmd)
	cmd.MarkFlagRequired("role")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		password, err := readPassword(cmd, *file)
		if err != nil {
			return err
		}
		name, err := access.UserName(args[0])
		if err != nil {
			return &failure{exitUsage, fmt.Sprintf("user %q was not made", args[0]), err, ""}
		}
		o := collector.DialOperator(*data)
		err = o.CreateUser(cmd.Context(), web.UserRequest{Name: name, Role: *role, Client: *client, Password: password})
		if err != nil {
			return explain(*data, "make user "+name, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "User %s may log in now.\n", name)
		warnClient(cmd.Context(), cmd.ErrOrStderr(), o, *client, "picket user delete "+name)
		return nil
	}
	return cmd
}

func changeUserCommand(verb, short, said string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1)}
	data := dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := collector.DialOperator(*data).ChangeUser(cmd.Context(), args[0], verb); err != nil {
			return explainUser(*data, verb, args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), said, args[0])
		return nil
	}
	return cmd
}

func passwordCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "password NAME", Short: "Give a user a new password, and end its sessions", Args: cobra.ExactArgs(1)}
	data := dataFlag(cmd)
	file := passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		password, err := readPassword(cmd, *file)
		if err != nil {
			return err
		}
		if err := collector.DialOperator(*data).SetPassword(cmd.Context(), args[0], password); err != nil {
			return explainUser(*data, "change the password of", args[0], err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "User %s has a new password and is logged out everywhere.\n", args[0])
		return nil
	}
	return cmd
}

// explainUser is explain for verbs about a user by name.
func explainUser(data, verb, name string, err error) error {
	if errors.Is(err, web.ErrNotFound) {
		return &failure{exitUsage, "there is no user " + name, nil, "picket user list shows them"}
	}
	return explain(data, verb+" user "+name, err)
}

func passwordFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("password-file", "", "read the password from the first line of this `file`, - for standard input (default: ask)")
}

// readPassword reads a password: from a file, from standard input, or from a
// person, twice and without echo. There is no flag for the password itself: other
// users of the machine can read the arguments of processes.
func readPassword(cmd *cobra.Command, file string) (string, error) {
	var password string
	var err error
	switch file {
	case "":
		password, err = askPassword(cmd.Context(), cmd.ErrOrStderr())
	case "-":
		password, err = firstLine(cmd.InOrStdin())
	default:
		var f *os.File
		if f, err = os.Open(file); err == nil {
			password, err = firstLine(f)
			f.Close()
		}
	}
	if err == nil {
		err = access.CheckPassword(password) // before a collector is asked
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return "", f
	}
	if errors.Is(err, access.ErrPassword) {
		return "", &failure{exitUsage, err.Error(), nil, fmt.Sprintf("take %d characters or more: a sentence is easy to keep in mind", access.MinPassword)}
	}
	if err != nil {
		return "", &failure{exitUsage, "the password cannot be read", err, ""}
	}
	return password, nil
}

// askPassword asks a person at the terminal.
func askPassword(ctx context.Context, out io.Writer) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", &failure{exitUsage, "the password cannot be asked for: standard input is no terminal", nil, "name a file with --password-file, or - for standard input"}
	}
	var said [2]string
	for i, prompt := range []string{"New password: ", "Again: "} {
		fmt.Fprint(out, prompt)
		b, err := answered(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
		fmt.Fprintln(out)
		if err != nil {
			return "", err
		}
		if said[i] = string(b); i == 0 {
			if err := access.CheckPassword(said[0]); err != nil {
				return "", err
			}
		}
	}
	if said[0] != said[1] {
		return "", &failure{exitUsage, "the two passwords are not the same, nothing was changed", nil, "try again"}
	}
	return said[0], nil
}

// firstLine reads one line of at most a password's length, without its end.
func firstLine(r io.Reader) (string, error) {
	b, err := bufio.NewReader(io.LimitReader(r, access.MaxPassword+2)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(bytes.TrimRight(b, "\r\n")), nil
}

func printUsers(out io.Writer, all []web.User) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "No users yet: whoever reaches the page on this machine may look. Make the first: picket user create NAME --role admin")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tROLE\tCLIENT\tSTATE\tLAST LOG-IN")
	for _, u := range all {
		state, last := "active", "never"
		if !u.Disabled.IsZero() {
			state = "disabled"
		}
		if !u.LastLogin.IsZero() {
			last = u.LastLogin.Local().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role, dash(u.Client), state, last)
	}
	return w.Flush()
}
