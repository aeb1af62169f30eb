// Goroutines doing what bench/weft/fiber.c does, and a million of them asleep ("sleep TASKS").
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const clockProcessCPU = 2

func cpu() int64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockProcessCPU, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func measure(metric string, count int, run func(int)) {
	batches := make([]float64, 7)
	run(count / 4)
	for i := range batches {
		start := cpu()
		run(count)
		batches[i] = float64(cpu()-start) / float64(count)
	}
	sort.Float64s(batches)
	fmt.Printf("%s %.2f\n", metric, batches[len(batches)/2])
}

func createJoin(count int) {
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
}

func yield(count int) {
	var group sync.WaitGroup
	half := func() {
		for i := 0; i < count/2; i++ {
			runtime.Gosched()
		}
		group.Done()
	}
	group.Add(2)
	go half()
	go half()
	group.Wait()
}

func channel(capacity int) func(int) {
	return func(count int) {
		queue := make(chan int64, capacity)
		go func() {
			for i := 0; i < count; i++ {
				queue <- int64(i)
			}
		}()
		for i := 0; i < count; i++ {
			if <-queue != int64(i) {
				panic("out of order")
			}
		}
	}
}

func status(name string) int64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == name+":" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes * 1024
		}
	}
	return 0
}

func sleepers(tasks int) {
	rss, tables, start := status("VmRSS"), status("VmPTE"), cpu()
	for i := 0; i < tasks; i++ {
		go time.Sleep(time.Hour)
		if i%1024 == 0 {
			runtime.Gosched()
		}
	}
	time.Sleep(10 * time.Millisecond)
	spent := cpu() - start
	fmt.Printf("sleep_rss %.2f\n", float64(status("VmRSS")-rss)/float64(tasks))
	fmt.Printf("sleep_tables %.2f\n", float64(status("VmPTE")-tables)/float64(tasks))
	fmt.Printf("sleep_spawn %.2f\n", float64(spent)/float64(tasks))
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "sleep" {
		tasks, err := strconv.Atoi(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		sleepers(tasks)
		return
	}
	measure("create_join", 200000, createJoin)
	measure("yield", 1000000, yield)
	measure("channel_handover", 300000, channel(1))
	measure("channel_buffered", 300000, channel(64))
}
