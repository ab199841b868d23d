package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"example.com/registrar/infra/local/lambda"
)

// The test binary is also the function under test: with FUNCTION in its environment it is that function.
func TestMain(m *testing.M) {
	switch os.Getenv("FUNCTION") {
	case "":
		os.Exit(m.Run())
	case "exit at init":
		os.Exit(7)
	case "report at init":
		address := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		if w, err := http.Post(address, "application/json",
			strings.NewReader(`{"errorType":"Config.Missing","errorMessage":"no table"}`)); err == nil {
			_ = w.Body.Close() // nothing is in it
		}
		os.Exit(1)
	case "parent":
		adopt()
	case "never ready":
		time.Sleep(time.Hour)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		awslambda.Start(behave)
	default:
		awslambda.Start(behave)
	}
}

// adopt is a local cloud that starts a function, prints its process's id, freezes it and waits.
func adopt() {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p := lambda.NewPool(lambda.PoolOptions{Process: lambda.ProcessOptions{Binary: binary,
		Env: []string{"FUNCTION=behave"}}})
	answer, err := p.Invoke(context.Background(), []byte("{}"))
	if err != nil {
		panic(err)
	}
	var s seen
	if err := json.Unmarshal(answer, &s); err != nil {
		panic(err)
	}
	fmt.Println(s.PID)
	time.Sleep(time.Hour)
}

// A frozen function does not outlive who started it, whatever became of that.
func TestProcessesEndWithTheirParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: only Linux ends a process with the one that started it")
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), binary)
	parent.Env = append(os.Environ(), "FUNCTION=parent")
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the function is gone before its parent: %v", err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("the function is in group %d, where Ctrl-C reaches it: %v", group, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	for range 200 {   // who adopts the function has to notice its end, too
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || bytes.Contains(text, []byte(") Z ")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the function lives on")
}

type seen struct {
	PID            int
	ID, ARN, Trace string
	Client         lambdacontext.ClientContext
	Identity       lambdacontext.CognitoIdentity
	Remaining      bool // there is a deadline in the future
	Env            []string
}

// behave does what the event says; an event of API Gateway says it in its path.
func behave(ctx context.Context, event struct {
	Do             string
	PathParameters struct{ Do string }
}) (any, error) {
	if event.Do == "" {
		event.Do = strings.ReplaceAll(event.PathParameters.Do, "-", " ")
	}
	switch event.Do {
	case "nonsense":
		return strings.NewReader("<html>"), nil // a reader's text is passed on as it is
	case "no status":
		return map[string]any{"statusCode": "many"}, nil
	case "fail":
		return nil, fmt.Errorf("register: %w", errors.New("no seat"))
	case "fail at length":
		return nil, errors.New(strings.Repeat("x", lambda.MaxPayload))
	case "fail as told":
		return nil, messages.InvokeResponse_Error{Type: "Registrar.Closed", Message: "too late"}
	case "panic":
		panic("out of chalk")
	case "exit":
		os.Exit(3)
	case "exit well":
		os.Exit(0)
	case "goexit":
		runtime.Goexit()
	case "hang":
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	case "print":
		for _, piece := range []string{"one ", "line\ntw", "o\n", strings.Repeat("x", 1<<20+1) + "\n", "no end"} {
			fmt.Print(piece)
			time.Sleep(20 * time.Millisecond) // so that the other side sees pieces
		}
	case "eat":
		eaten := make([]byte, 400<<20)
		for i := 0; i < len(eaten); i += os.Getpagesize() {
			eaten[i] = 1
		}
		time.Sleep(time.Hour)
		return len(eaten), nil
	case "large":
		return strings.Repeat("x", lambda.MaxPayload), nil
	case "answer for another":
		address := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/another/"
		for _, what := range []string{"response", "error"} {
			w, err := http.Post(address+what, "application/json", strings.NewReader("{}"))
			if err != nil {
				return nil, err
			}
			_ = w.Body.Close() // the status says it
			if w.StatusCode != http.StatusBadRequest {
				return nil, errors.New(w.Status)
			}
		}
	case "break off":
		return io.MultiReader(strings.NewReader(`{"half":`), brokenReader{}), nil
	}
	s := seen{PID: os.Getpid(), Env: os.Environ()}
	if c, ok := lambdacontext.FromContext(ctx); ok {
		s.ID, s.ARN, s.Client, s.Identity = c.AwsRequestID, c.InvokedFunctionArn, c.ClientContext, c.Identity
	}
	s.Trace, _ = ctx.Value("x-amzn-trace-id").(string)
	deadline, ok := ctx.Deadline()
	s.Remaining = ok && time.Now().Before(deadline)
	return s, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func start(t *testing.T, options lambda.ProcessOptions) *lambda.Process {
	t.Helper()
	p, err := startProcess(t, options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func startProcess(t *testing.T, options lambda.ProcessOptions) (*lambda.Process, error) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options.Binary = binary
	if len(options.Env) == 0 {
		options.Env = []string{"FUNCTION=behave"}
	}
	if options.Timeout == 0 {
		options.Timeout = time.Minute
	}
	p, err := lambda.StartProcess(t.Context(), options)
	if err == nil {
		t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

func do(t *testing.T, f lambda.Function, what string) ([]byte, error) {
	t.Helper()
	return f.Invoke(t.Context(), fmt.Appendf(nil, `{"Do":%q}`, what))
}

func look(t *testing.T, f lambda.Function) seen {
	t.Helper()
	answer, err := do(t, f, "look")
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if err := json.Unmarshal(answer, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantError checks type and message; the message is a regular expression.
func wantError(t *testing.T, err error, kind, message string) *lambda.FunctionError {
	t.Helper()
	var told *lambda.FunctionError
	if !errors.As(err, &told) {
		t.Fatalf("error %v, want a FunctionError", err)
	}
	if told.Type != kind || !regexp.MustCompile("^(?:"+message+")$").MatchString(told.Message) {
		t.Errorf("%s: %q, want %s: %q", told.Type, told.Message, kind, message)
	}
	return told
}

const id = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`

func TestProcessTellsTheFunctionWhatLambdaTells(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "1")
	p := start(t, lambda.ProcessOptions{Name: "desk", Memory: 512, Env: []string{"FUNCTION=behave", "TABLE=t", "TZ=UTC",
		"_HANDLER=mine", "AWS_REGION=eu-north-1"}})
	s := look(t, p)
	if !regexp.MustCompile("^"+id+"$").MatchString(s.ID) ||
		s.ARN != "arn:aws:lambda:eu-north-1:000000000000:function:desk" || !s.Remaining {
		t.Errorf("the call is told as %+v", s)
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(s.Trace) {
		t.Errorf("trace id %q", s.Trace)
	}
	env := map[string]string{}
	for _, variable := range s.Env {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "desk", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_REGION":                      "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1", "_HANDLER": "bootstrap",
		"TABLE": "t", "TZ": "UTC",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/desk", "PATH": os.Getenv("PATH"),
	} {
		if env[name] != want {
			t.Errorf("%s=%q, want %q", name, env[name], want)
		}
	}
	if _, ok := env["SECRET_OF_THE_PARENT"]; ok {
		t.Error("the parent's environment was inherited")
	}
	if again := look(t, p); again.PID != s.PID || again.ID == s.ID {
		t.Errorf("second call: process %d and id %s after %d and %s", again.PID, again.ID, s.PID, s.ID)
	}
	if p.InitDuration() <= 0 || p.Duration() <= 0 {
		t.Errorf("init took %s, the call %s", p.InitDuration(), p.Duration())
	}
}

func TestProcessErrors(t *testing.T) {
	p := start(t, lambda.ProcessOptions{Memory: 512})
	first := look(t, p).PID
	_, err := do(t, p, "fail")
	wantError(t, err, "wrapError", "register: no seat")
	_, err = do(t, p, "fail as told")
	wantError(t, err, "Registrar.Closed", "too late")
	_, err = do(t, p, "break off")
	wantError(t, err, "errorString", "unexpected EOF")
	if _, err = do(t, p, "answer for another"); err != nil {
		t.Errorf("an answer for another call: %v, want 400", err)
	}
	if look(t, p).PID != first {
		t.Error("an error of the function cost its process")
	}
	for _, c := range []struct{ do, kind, message string }{
		{"panic", "string", "out of chalk"},
		{"exit", lambda.TypeExit, "RequestId: " + id + " Error: Runtime exited with error: exit status 3"},
		{"exit well", lambda.TypeExit, "RequestId: " + id + " Error: Runtime exited without providing a reason"},
		{"large", lambda.TypeResponseTooLarge,
			`Response payload size exceeded maximum allowed payload size \(6291456 bytes\)\.`},
		{"fail at length", lambda.TypeResponseTooLarge,
			`Response payload size exceeded maximum allowed payload size \(6291456 bytes\)\.`},
	} {
		before := look(t, p).PID
		_, err := do(t, p, c.do)
		told := wantError(t, err, c.kind, c.message)
		if c.do == "panic" && !bytes.Contains(told.Stack, []byte("behave")) {
			t.Errorf("the panic's stack does not name its function: %s", told.Stack)
		}
		if after := look(t, p).PID; after == before {
			t.Errorf("after %s the process is the same", c.do)
		}
	}
}

func TestProcessEatsTooMuch(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("left out: this machine has no /proc to look into")
	}
	p := start(t, lambda.ProcessOptions{Memory: 300})
	before := look(t, p).PID
	_, err := do(t, p, "eat")
	wantError(t, err, lambda.TypeExit, "RequestId: "+id+" Error: Runtime exited with error: signal: killed")
	if look(t, p).PID == before {
		t.Error("a process that has too much memory lives on")
	}
}

// What a caller says of itself, and the trace that it is in, reach the function.
func TestWhatTheCallerSays(t *testing.T) {
	said := lambdacontext.ClientContext{
		Client: lambdacontext.ClientApplication{InstallationID: "i", AppTitle: "Registrar", AppVersionCode: "2",
			AppPackageName: "edu.example"},
		Env: map[string]string{"locale": "de_DE"}, Custom: map[string]string{"term": "2028-SPRING"},
	}
	identity := lambdacontext.CognitoIdentity{CognitoIdentityID: "someone", CognitoIdentityPoolID: "us-east-1:pool"}
	ctx := lambda.WithClient(t.Context(), said, identity)
	const trace = "Self=1;Root=1-67280000-0123456789abcdef01234567;Sampled=1"
	ctx = context.WithValue(ctx, "x-amzn-trace-id", trace) //nolint:staticcheck // the key that aws-lambda-go uses
	for name, f := range map[string]lambda.Function{
		"a process": start(t, lambda.ProcessOptions{}), "a handler": lambda.Handler(awslambda.NewHandler(behave),
			lambda.Options{Name: "desk"}),
	} {
		answer, err := f.Invoke(ctx, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		var s seen
		if err := json.Unmarshal(answer, &s); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(said, s.Client); diff != "" || s.Identity != identity {
			t.Errorf("%s: identity %+v, client (-want +got):\n%s", name, s.Identity, diff)
		}
		want := regexp.MustCompile(`^Root=1-67280000-0123456789abcdef01234567;Parent=[0-9a-f]{16};Sampled=0$`)
		if !want.MatchString(s.Trace) {
			t.Errorf("%s: trace %q", name, s.Trace)
		}
		if s := look(t, f); s.Client.Client.AppTitle != "" || s.Identity.CognitoIdentityID != "" {
			t.Errorf("%s: a caller that says nothing is %+v, %+v", name, s.Client, s.Identity)
		}
	}
}

func TestProcessOverrun(t *testing.T) {
	p := start(t, lambda.ProcessOptions{Timeout: 250 * time.Millisecond})
	for range 2 { // the second in a fresh process
		_, err := do(t, p, "hang")
		wantError(t, err, lambda.TypeTimedOut, "RequestId: "+id+` Error: Task timed out after 0\.25 seconds`)
	}
}

func TestProcessOverrunsItsCallersDeadline(t *testing.T) {
	p := start(t, lambda.ProcessOptions{})
	before := look(t, p).PID
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Invoke(ctx, []byte(`{"Do":"hang"}`))
	wantError(t, err, lambda.TypeTimedOut, "RequestId: "+id+` Error: Task timed out after 0\.\d\d seconds`)
	if look(t, p).PID == before {
		t.Error("a process that overran its deadline lives on")
	}
}

// lines signals each line that a function prints.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestProcessClose(t *testing.T) {
	for function, end := range map[string]string{"behave": "terminated", "deaf": "killed"} {
		t.Run(function, func(t *testing.T) {
			printed := make(lines, 10)
			p := start(t, lambda.ProcessOptions{Stdout: printed, Env: []string{"FUNCTION=" + function}})
			ended := make(chan error)
			go func() {
				_, err := p.Invoke(context.Background(), []byte(`{"Do":"hang"}`))
				ended <- err
			}()
			if line := <-printed; line != "hanging\n" {
				t.Errorf("printed %q", line)
			}
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Error(err)
			}
			wantError(t, <-ended, lambda.TypeExit, "RequestId: "+id+" Error: Runtime exited with error: signal: "+end)
			if _, err := do(t, p, "look"); !errors.Is(err, lambda.ErrClosed) {
				t.Errorf("a call after Close: %v", err)
			}
		})
	}
}

// What a function prints comes in whole lines, however it prints it.
func TestProcessPrintsLines(t *testing.T) {
	printed := make(lines, 10)
	p := start(t, lambda.ProcessOptions{Stdout: printed})
	if _, err := do(t, p, "print"); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	close(printed)
	var got []string
	for line := range printed {
		if len(line) > 20 {
			line = fmt.Sprint(len(line))
		}
		got = append(got, line)
	}
	if want := []string{"one line\n", "two\n", "1048576", "x\n", "no end\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A caller that goes away does not stop the call; the next caller waits for its turn, as long as it likes.
func TestProcessOneAtATime(t *testing.T) {
	printed := make(lines, 10)
	p := start(t, lambda.ProcessOptions{Stdout: printed})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := p.Invoke(ctx, []byte(`{"Do":"hang"}`))
		gone <- err
	}()
	<-printed
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that went away got %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Invoke(short, []byte(`{"Do":"look"}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller that waited got %v", err)
	}
}

func TestProcessThatDoesNotComeUp(t *testing.T) {
	_, err := startProcess(t, lambda.ProcessOptions{Env: []string{"FUNCTION=exit at init"}})
	wantError(t, err, lambda.TypeInit, "Error: Runtime exited with error: exit status 7")
	_, err = startProcess(t, lambda.ProcessOptions{Env: []string{"FUNCTION=report at init"}})
	wantError(t, err, "Config.Missing", "no table")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lambda.StartProcess(ctx, lambda.ProcessOptions{Binary: binary,
		Env: []string{"FUNCTION=never ready"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a process that is never ready: %v", err)
	}
	if _, err := lambda.StartProcess(t.Context(), lambda.ProcessOptions{Binary: "testdata/there-is-none"}); !errors.Is(err,
		os.ErrNotExist) {
		t.Errorf("a binary that is not there: %v", err)
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	f := lambda.Handler(awslambda.NewHandler(behave), lambda.Options{Name: "desk"})
	for _, payload := range []string{"{", `"` + strings.Repeat("x", lambda.MaxPayload) + `"`} {
		_, err := f.Invoke(t.Context(), []byte(payload))
		if told := (*lambda.FunctionError)(nil); err == nil || errors.As(err, &told) {
			t.Errorf("an event of %d bytes: %v, want an error that is not the function's", len(payload), err)
		}
	}
}

func TestHandler(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)
	f := lambda.Handler(awslambda.NewHandler(behave), lambda.Options{
		Name: "desk", Memory: 256, Timeout: time.Minute, Clock: func() time.Time { now = now.Add(time.Second); return now },
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	s := look(t, f)
	if !regexp.MustCompile("^"+id+"$").MatchString(s.ID) ||
		s.ARN != "arn:aws:lambda:us-east-1:000000000000:function:desk" || !s.Remaining {
		t.Errorf("the call is told as %+v", s)
	}
	if !strings.HasPrefix(s.Trace, fmt.Sprintf("Root=1-%08x-", time.Date(2024, 11, 4, 9, 0, 1, 0, time.UTC).Unix())) {
		t.Errorf("trace id %q is not of the clock's time", s.Trace)
	}
	if !strings.Contains(log.String(), "duration=1s memoryMB=256") || !strings.Contains(log.String(), s.ID) {
		t.Errorf("report: %s", &log)
	}
	for _, c := range []struct{ do, kind, message string }{
		{"fail", "wrapError", "register: no seat"},
		{"fail as told", "Registrar.Closed", "too late"},
		{"panic", lambda.TypePanic, "out of chalk"},
		{"goexit", lambda.TypeExit, "RequestId: " + id + " Error: Runtime exited without providing a reason"},
		{"large", lambda.TypeResponseTooLarge, `Response payload size .*`},
	} {
		_, err := do(t, f, c.do)
		told := wantError(t, err, c.kind, c.message)
		if c.do == "panic" && !bytes.Contains(told.Stack, []byte("behave")) {
			t.Errorf("the panic's stack does not name its function: %s", told.Stack)
		}
	}
}

// sleeper answers after a time, whatever its context says.
type sleeper time.Duration

func (s sleeper) Invoke(context.Context, []byte) ([]byte, error) {
	time.Sleep(time.Duration(s))
	return []byte(`"awake"`), nil
}

func TestHandlerDeadlines(t *testing.T) {
	second := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for name, c := range map[string]struct {
		takes, timeout, deadline, cancel time.Duration // deadline and cancel: the caller's, 0 for none
		after                            time.Duration // simulated time: exact
		message                          string        // of a timeout; empty: none
		err                              error
	}{
		"in time": {takes: second(2), timeout: second(3), after: second(2)},
		"overrun, and not waited for": {takes: second(9), timeout: second(3), after: second(3),
			message: `.* Task timed out after 3\.00 seconds`},
		"Lambda's three seconds": {takes: second(9), after: second(3),
			message: `.* Task timed out after 3\.00 seconds`},
		"the caller's deadline": {takes: second(9), deadline: second(1.5), after: second(1.5),
			message: `.* Task timed out after 1\.50 seconds`},
		"the caller's later deadline": {takes: second(9), deadline: second(5), after: second(3),
			message: `.* Task timed out after 3\.00 seconds`},
		"the caller went away": {takes: second(2), cancel: second(1), after: second(1), err: context.Canceled},
		"went away, with a deadline": {takes: second(2), deadline: second(2.5), cancel: second(1), after: second(1),
			err: context.Canceled},
		"no time is left at the start": {takes: second(1), deadline: -second(1),
			message: `.* Task timed out after 0\.00 seconds`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.deadline != 0 {
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				if c.cancel != 0 {
					time.AfterFunc(c.cancel, cancel)
				}
				begin := time.Now()
				answer, err := lambda.Handler(sleeper(c.takes), lambda.Options{Name: "desk", Timeout: c.timeout}).Invoke(ctx,
					[]byte(`{}`))
				if took := time.Since(begin); took != c.after {
					t.Errorf("took %s, want %s", took, c.after)
				}
				switch {
				case c.message != "":
					wantError(t, err, lambda.TypeTimedOut, c.message)
				case !errors.Is(err, c.err):
					t.Errorf("error %v, want %v", err, c.err)
				case err == nil && string(answer) != `"awake"`:
					t.Errorf("answer %s", answer)
				}
				time.Sleep(c.takes) // the handler ends too
			})
		})
	}
}
