// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using KvmSharp.Conformance;
using KvmSharp.Conformance.Fuzz;
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;

namespace KvmSharp.Conformance.Tests.Fuzz;

/// <summary>What fuzzing has found, as the smallest sequence that showed it.</summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class FoundByFuzzingTests
{
    [Test]
    public void Seeking_data_in_a_huge_file_takes_as_long_as_it_has_pages() => Expect(
        """{"op":"memfd_create","flags":0,"as":"m","ret":0,"errno":null}""",
        """{"op":"ftruncate","fd":"m","len":9223372036854775807,"ret":0,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":0,"whence":"DATA","ret":null,"errno":"ENXIO"}""",
        """{"op":"lseek","fd":"m","offset":5,"whence":"HOLE","ret":5,"errno":null}""",
        """{"op":"mmap","fd":"m","len":65536,"prot":3,"flags":1,"offset":0,"as":"p","ret":0,"errno":null}""",
        """{"op":"store","map":"p","off":12288,"hex":"0102","ret":2,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":0,"whence":"DATA","ret":12288,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":12288,"whence":"HOLE","ret":16384,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":12289,"whence":"DATA","ret":12289,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":16384,"whence":"DATA","ret":null,"errno":"ENXIO"}""",
        """{"op":"lseek","fd":"m","offset":9223372036854775806,"whence":"HOLE","ret":9223372036854775806,"errno":null}""",
        """{"op":"lseek","fd":"m","offset":9223372036854775807,"whence":"HOLE","ret":null,"errno":"ENXIO"}""");

    [Test]
    public void A_fault_whose_allocation_fails_is_tried_again_by_the_program() => ExpectFine(
        "none",
        """{"op":"memfd_create","as":"memfd4"}""",
        """{"op":"mmap","fd":"memfd4","len":2097152,"prot":1,"flags":1,"as":"map19"}""",
        """{"op":"fail_random","probability":100,"times":5,"seed":0}""",
        """{"op":"load","map":"map19","off":0,"len":1}""",
        """{"op":"mmap_anon","len":4096,"prot":3,"as":"anon"}""",
        """{"op":"fail_random","probability":100,"times":5,"seed":0}""",
        """{"op":"store","map":"anon","off":0,"hex":"01"}""");

    [Test]
    public void A_fork_that_finds_no_memory_leaves_nothing([Range(1, 40)] int nth) => ExpectFine(
        "filemap",
        """{"op":"memfd_create","as":"m"}""",
        """{"op":"ftruncate","fd":"m","len":65536}""",
        """{"op":"mmap","fd":"m","len":65536,"prot":3,"flags":2,"as":"p"}""",
        """{"op":"store","map":"p","off":0,"hex":"01"}""",
        """{"op":"mprotect","map":"p","off":4096,"len":4096,"prot":1}""",
        $$"""{"op":"fail_nth","n":{{nth}}}""",
        """{"op":"fork_begin"}""",
        """{"op":"store","map":"p","off":8192,"hex":"02"}""",
        """{"op":"fork_end"}""");

    [Test]
    public void Every_allocation_of_these_calls_may_fail([Values("none", "v12", "filemap")] string strategy, [Range(1, 24)] int nth)
    {
        string[] calls =
        [
            """{"op":"kvm_create_vm","type":0,"as":"vm0"}""",
            """{"op":"kvm_create_vcpu","vm":"vm0","id":0,"as":"vcpu0"}""",
            """{"op":"kvm_create_guest_memfd","vm":"vm0","size":65536,"flags":7,"as":"gmem0"}""",
            """{"op":"kvm_create_guest_memfd","vm":"vm0","size":65536,"flags":3,"as":"gmem1"}""",
            """{"op":"memfd_secret","as":"s"}""",
            """{"op":"ftruncate","fd":"s","len":65536}""",
            """{"op":"mmap","fd":"s","len":65536,"prot":3,"flags":1,"as":"ps"}""",
            """{"op":"mmap","fd":"gmem0","len":65536,"prot":3,"flags":1,"as":"pg"}""",
            """{"op":"mmap","fd":"gmem1","len":65536,"prot":3,"flags":32769,"as":"pp"}""",
            """{"op":"fill","map":"ps","off":0,"len":65536,"byte":1}""",
            """{"op":"fill","map":"pg","off":0,"len":65536,"byte":1}""",
            """{"op":"kvm_set_user_memory_region2","vm":"vm0","slot":1,"flags":5,"gpa":0,"size":65536,"hva":{"map":"pg","off":0},"gmem":"gmem0"}""",
            """{"op":"kvm_set_user_memory_region2","vm":"vm0","slot":2,"flags":1,"gpa":65536,"size":65536,"hva":{"map":"ps","off":0}}""",
            """{"op":"kvm_write_wall_clock","vcpu":"vcpu0","gpa":65536}""",
            """{"op":"mprotect","map":"pg","off":4096,"len":4096,"prot":1}""",
            """{"op":"mremap","map":"pp","off":4096,"old_len":8192,"new_len":16384,"flags":1,"as":"moved"}""",
            """{"op":"madvise","map":"pg","off":0,"len":16384,"advice":"GUARD_INSTALL"}""",
            """{"op":"fallocate","fd":"gmem0","mode":3,"offset":4096,"len":8192}""",
            """{"op":"munmap","map":"pg","off":16384,"len":4096}""",
            """{"op":"flock","fd":"gmem0","operation":2}""",
            """{"op":"file_lock","fd":"gmem0","type":1,"start":0,"len":10,"ofd":0}""",
            """{"op":"fcntl","fd":"gmem0","cmd":"F_SETLEASE","arg":0}""",
            """{"op":"eventfd","as":"e"}""",
            """{"op":"vmsplice","map":"ps","off":0,"len":8192,"flags":0}""",
            """{"op":"mlock","map":"pp","off":0,"len":4096}""",
            """{"op":"mbind","map":"pp","off":0,"len":8192,"mode":2,"nodemask":1,"flags":0}""",
        ];
        ExpectFine(strategy, [.. calls.SelectMany(c => new[] { $$"""{"op":"fail_nth","n":{{nth}}}""", c, c })]);
    }

    /// <summary>The model answers as the lines say.</summary>
    private static void Expect(params string[] lines)
    {
        const string Header = """{"trace":"kvmsharp-conformance","version":1,"name":"found","family":"fuzz","kernel":"6.18","arch":"x86_64","page_size":4096}""";
        using var trace = new TraceReader("found", new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', [Header, .. lines]))));
        ReplayResult result = Replayer.Replay(trace, "found", new HostOptions { MemoryBytes = 1UL << 30, Strategy = "none" });
        Assert.That(result.Divergences.Select(d => $"{d.Operation}: {d.Difference}"), Is.Empty);
        Assert.That(result.Problems, Is.Empty);
    }

    /// <summary>Nothing goes wrong, whatever the answers are.</summary>
    private static void ExpectFine(string strategy, params string[] lines)
    {
        var plan = new FuzzPlan { Strategy = strategy, Cpus = 2, TwoDimensionalPaging = true, SwProtectedVm = true };
        EpisodeResult result = FuzzEpisode.Run(plan, [.. lines.Select((l, i) => OperationWriter.Parse("found", i + 2, l))], TimeSpan.FromSeconds(30));
        Assert.That(result.Failure is { } f ? f.Message + "\n" + f.Report : null, Is.Null);
    }
}
