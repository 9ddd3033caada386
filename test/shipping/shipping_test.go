package shipping

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// read returns a file of the repository, by its path from the top.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// instruction is one line of a Dockerfile.
type instruction struct{ verb, args string }

// stages parses the Dockerfile into its stages, each beginning with FROM.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	var all [][]instruction
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		verb, args, _ := strings.Cut(line, " ")
		if verb == "FROM" {
			all = append(all, nil)
		}
		if len(all) == 0 {
			t.Fatalf("Dockerfile: %q before the first FROM", line)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{verb, strings.TrimSpace(args)})
	}
	return all
}

// one returns the arguments of the only instruction with this verb in a stage.
func one(t *testing.T, stage []instruction, verb string) string {
	t.Helper()
	var found []string
	for _, in := range stage {
		if in.verb == verb {
			found = append(found, in.args)
		}
	}
	if len(found) != 1 {
		t.Fatalf("Dockerfile: %d lines of %s in the stage of %s, want 1", len(found), verb, stage[0].args)
	}
	return found[0]
}

// TestImage checks what the image promises: from scratch, a numeric user, a health check and no shell to run it in.
func TestImage(t *testing.T) {
	all := stages(t)
	if len(all) != 2 {
		t.Fatalf("%d stages, want a builder and an image", len(all))
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if from := one(t, all[0], "FROM"); version == nil || !strings.Contains(from, "golang:"+version[1]+" ") {
		t.Errorf("builder is %q, but go.mod says %q", from, version)
	}
	image := all[1]
	if from := one(t, image, "FROM"); from != "scratch" {
		t.Errorf("image is built on %q", from)
	}
	if user := one(t, image, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("USER %s: must be numeric (Kubernetes' runAsNonRoot can't judge a name) and not 0", user)
	}
	if check := one(t, image, "HEALTHCHECK"); !strings.HasSuffix(check, `CMD ["/meridian", "healthcheck"]`) {
		t.Errorf("HEALTHCHECK %s", check)
	}
	if ports := one(t, image, "EXPOSE"); ports != "53/udp 53/tcp" {
		t.Errorf("EXPOSE %s", ports)
	}
	for _, in := range image {
		exec := in.verb == "ENTRYPOINT" || in.verb == "CMD"
		if in.verb == "RUN" || exec && !strings.HasPrefix(in.args, "[") {
			t.Errorf("%s %s: the image has no shell", in.verb, in.args)
		}
	}
}

// TestImageBinary runs the builder's own go build line over a copy without what .dockerignore leaves out.
func TestImageBinary(t *testing.T) {
	var line string
	for _, in := range stages(t)[0] {
		if in.verb == "RUN" && strings.Contains(in.args, "go build") {
			line = in.args
		}
	}
	if line == "" {
		t.Fatal("the builder builds nothing")
	}
	context := t.TempDir()
	copyContext(t, context)
	binary := filepath.Join(t.TempDir(), "meridian")
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "/out/meridian", binary))
	cmd.Dir = context
	cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH=amd64", "VERSION=v0.0.0-test")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libs, err := file.ImportedLibraries(); err != nil || len(libs) > 0 {
		t.Errorf("needs the libraries %v (%v), but the image has none", libs, err)
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !bytes.Contains(out, []byte("v0.0.0-test")) {
		t.Errorf("version says %q (%v), want the VERSION of the build", out, err)
	}
}

// copyContext copies the tracked and the new files of the repository as Docker's builder would get them.
func copyContext(t *testing.T, to string) {
	t.Helper()
	var ignored []string
	for line := range strings.Lines(read(t, ".dockerignore")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			ignored = append(ignored, line)
		}
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for path := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if slices.ContainsFunc(ignored, func(pattern string) bool { return leftOut(pattern, path) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// leftOut reports whether a line of .dockerignore leaves path out: "dir", or "**/name" with * in the name.
func leftOut(pattern, path string) bool {
	name, anywhere := strings.CutPrefix(pattern, "**/")
	if !anywhere {
		return path == pattern || strings.HasPrefix(path, pattern+"/")
	}
	return slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
		match, _ := filepath.Match(name, part)
		return match
	})
}

// TestUnit checks the systemd unit: the lines that matter, and the whole with systemd's own eyes.
func TestUnit(t *testing.T) {
	unit := read(t, "deploy", "meridian.service")
	for _, want := range []string{
		"DynamicUser=yes", "StateDirectory=meridian", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
		"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "NoNewPrivileges=yes", "ProtectSystem=strict",
		"RestartPreventExitStatus=3", "ExecReload=/usr/local/bin/meridian reload",
	} {
		if !strings.Contains(unit, "\n"+want) {
			t.Errorf("meridian.service lacks %s", want)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("systemd-analyze is missing; it is in Debian's package systemd, and make test installs it")
	}
	// systemd looks whether the binary exists, so it gets one that does.
	path := filepath.Join(t.TempDir(), "meridian.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, "/usr/local/bin/meridian", "/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("meridian.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestManifest checks that the Kubernetes manifest is YAML of the kinds that it should be, and agrees with the image.
func TestManifest(t *testing.T) {
	user, _, _ := strings.Cut(one(t, stages(t)[1], "USER"), ":")
	var kinds []string
	dec := yaml.NewDecoder(strings.NewReader(read(t, "deploy", "kubernetes.yaml")))
	for {
		var object struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Metadata   struct{ Name string }
			Spec       struct {
				Template struct {
					Metadata struct{ Labels map[string]string }
					Spec     struct {
						SecurityContext struct {
							RunAsNonRoot bool   `yaml:"runAsNonRoot"`
							RunAsUser    string `yaml:"runAsUser"`
						} `yaml:"securityContext"`
						Containers []struct {
							Args           []string
							ReadinessProbe struct {
								Exec struct{ Command []string }
							} `yaml:"readinessProbe"`
						}
					}
				}
			}
		}
		if err := dec.Decode(&object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, object.Kind)
		if object.APIVersion == "" || object.Metadata.Name != "meridian" {
			t.Errorf("%s: apiVersion %q, name %q", object.Kind, object.APIVersion, object.Metadata.Name)
		}
		if object.Kind != "Deployment" {
			continue
		}
		pod := object.Spec.Template.Spec
		if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.RunAsUser != user {
			t.Errorf("runs as %q, but the image's user is %s", pod.SecurityContext.RunAsUser, user)
		}
		if len(pod.Containers) != 1 || !slices.Equal(pod.Containers[0].ReadinessProbe.Exec.Command, []string{"/meridian", "healthcheck"}) {
			t.Errorf("containers: %+v", pod.Containers)
		}
	}
	if want := []string{"Deployment", "Service", "PodDisruptionBudget"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}

// TestCI: CI runs the README's test command and nothing of its own.
func TestCI(t *testing.T) {
	run := read(t, ".ci", "run")
	info, err := os.Stat(filepath.Join("..", "..", ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o111 == 0 {
		t.Error(".ci/run is not executable")
	}
	if !strings.HasPrefix(run, "#!/usr/bin/env bash\n") || !strings.Contains(run, "set -euo pipefail") || !strings.HasSuffix(run, "exec make test\n") {
		t.Errorf(".ci/run:\n%s", run)
	}
	if !strings.Contains(read(t, "README.md"), "make test") {
		t.Error("README.md doesn't name the test command, make test")
	}
}

// TestMakefile checks that every target that the documents name is there, by make's own reading.
func TestMakefile(t *testing.T) {
	for _, target := range []string{"build", "test", "bench", "lint", "fuzz", "generate", "docker"} {
		cmd := exec.Command("make", "--dry-run", target)
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("make %s: %v\n%s", target, err, out)
		}
	}
}
