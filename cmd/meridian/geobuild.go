package main

import "github.com/urfave/cli/v2"

func (p *program) geoBuildCommand() *cli.Command { return &cli.Command{Name: "build"} }
