// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.Json;
using System.Text.Json.Nodes;
using KvmSharp.Tools;

namespace KvmSharp.Cli.Tests;

[TestFixture]
internal sealed class BootCommandTests
{
    private string folder = string.Empty;

    [SetUp]
    public void MakeFolder() => this.folder = Directory.CreateTempSubdirectory("kvmsharp").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(this.folder, true);

    [TestCase("filemap")]
    [TestCase("v12")]
    public void AProtectedBootIsFine(string strategy)
    {
        CliResult result = Cli.Run("boot", "--memory", "4M", "--strategy", strategy, "--json");
        Assert.That(result.Status, Is.EqualTo(ExitCodes.Fine), result.Output);
        JsonElement report = result.Json;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Error, Is.Empty);
            Assert.That(report.GetProperty("strategy").GetString(), Is.EqualTo(strategy));
            Assert.That(report.GetProperty("serial").GetString(), Is.Not.Empty);
            Assert.That(report.GetProperty("halted").GetBoolean(), Is.True);
            Assert.That(report.GetProperty("pagesVerified").GetInt64(), Is.Positive);
            Assert.That(report.GetProperty("exits").EnumerateObject().Select(e => e.Value.GetInt64()), Is.Not.Empty.And.All.Positive);
            Assert.That(report.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("count").GetInt64()), Is.Not.Empty.And.All.Positive);
            Assert.That(report.GetProperty("before").GetProperty("absent4K").GetInt64(), Is.Zero);
            Assert.That(report.GetProperty("after").GetProperty("absent4K").GetInt64(), Is.Positive);
            Assert.That(report.GetProperty("exposure").GetProperty("pagesProtected").GetInt64(), Is.Positive);
            Assert.That(report.GetProperty("exposure").GetProperty("violations").GetInt64(), Is.Zero);
            Assert.That(report.GetProperty("exposure").GetProperty("reachable").GetBoolean(), Is.False);
            Assert.That(report.GetProperty("problems").GetArrayLength(), Is.Zero);
        }
    }

    [TestCase("x86", "nopcid nogbpages", ExitCodes.Fine)]
    [TestCase("x86", "debug_pagealloc=on", ExitCodes.Fine)]
    [TestCase("arm64", "rodata=full kpti=1", ExitCodes.Fine)]
    [TestCase("arm64", "debug_pagealloc=on rodata=on", ExitCodes.Fine)]
    [TestCase("arm64", "rodata=on", ExitCodes.Found)]
    public void BootParametersReachTheKernel(string arch, string words, int status)
    {
        CliResult result = Cli.Run("boot", "--arch", arch, "--memory", "4M", "--cmdline", words, "--json");
        Assert.That(result.Status, Is.EqualTo(status), result.Output + result.Error);

        // Without pages in the linear map nothing can be taken out of it, and KVM refuses the flag.
        if (status == ExitCodes.Found)
            Assert.That(result.Json.GetProperty("failure").GetString(), Is.EqualTo("KVM_CREATE_GUEST_MEMFD: EINVAL"));
    }

    [Test]
    public void WithoutAStrategyTheLiveEntryIsReportedAndTheStatusSaysSo()
    {
        CliResult result = Cli.Run("boot", "--memory", "4M", "--strategy", "none", "--json");
        JsonElement exposure = result.Json.GetProperty("exposure");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(ExitCodes.Found));
            Assert.That(exposure.GetProperty("reachable").GetBoolean(), Is.True);
            Assert.That(exposure.GetProperty("windows").EnumerateArray().Select(w => w.GetProperty("via").GetString()), Does.Contain("LiveEntry"));
        }
    }

    [Test]
    public void APersonReadsTheSerialOutputAndTheVerdict()
    {
        CliResult json = Cli.Run("boot", "--memory", "4M", "--json");
        CliResult text = Cli.Run("boot", "--memory", "4M");
        string firstLine = json.Json.GetProperty("serial").GetString()!.Split('\n')[0].Trim();
        Assert.That(text.Status, Is.EqualTo(ExitCodes.Fine));
        Assert.That(text.Output, Does.Contain(firstLine).And.Contain("filemap"));
    }

    [Test]
    public void ACompiledGuestBootsFromAFile()
    {
        CliResult result = Cli.Run("boot", "--guest", Path.Combine(Cli.Guests, "sieve.elf"), "--memory", "16M", "--json");
        Assert.That(result.Status, Is.EqualTo(ExitCodes.Fine), result.Output + result.Error);
        Assert.That(result.Json.GetProperty("guestVerdict").GetInt32(), Is.EqualTo(1));
    }

    [TestCase("x86")]
    [TestCase("arm64")]
    public void TheTraceIsAChromeTraceOfTheBoot(string arch)
    {
        string file = Path.Combine(this.folder, "trace.json");
        CliResult result = Cli.Run("boot", "--arch", arch, "--memory", "4M", "--trace", file, "--json");
        Assert.That(result.Status, Is.EqualTo(ExitCodes.Fine), result.Output + result.Error);

        using JsonDocument trace = JsonDocument.Parse(File.ReadAllBytes(file));
        JsonElement[] events = [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray()];
        JsonElement[] recorded = [.. events.Where(e => e.GetProperty("ph").GetString() != "M")];
        ILookup<string, JsonElement> byName = recorded.ToLookup(e => e.GetProperty("name").GetString()!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(byName.Select(g => g.Key), Is.SupersetOf(new[]
            {
                "kvm_entry", "kvm_exit", "kvm_page_fault", "guest_unmap", "folio_zap_direct_map", "folio_restore_direct_map", "kernel_tlb_flush",
                "direct_map_split",
            }));
            Assert.That(byName["kvm_exit"].Count(), Is.EqualTo(byName["kvm_entry"].Count()));
            Assert.That(byName["folio_restore_direct_map"].Count(), Is.EqualTo(byName["folio_zap_direct_map"].Count()));
            Assert.That(recorded.Select(e => e.GetProperty("ts").GetDecimal()), Is.Ordered.And.All.GreaterThanOrEqualTo(0m));
            Assert.That(recorded.Select(e => e.GetProperty("tid").GetInt32()), Is.All.InRange(0, 1));
            Assert.That(events.Count(e => e.GetProperty("ph").GetString() == "M"), Is.EqualTo(2));
            Assert.That(trace.RootElement.GetProperty("otherData").GetProperty("overwritten").GetInt64(), Is.Zero);
        }
    }

    [TestCase("x86")]
    [TestCase("arm64")]
    public void ATraceChangesNothingThatIsMeasured(string arch)
    {
        CliResult plain = Cli.Run("boot", "--arch", arch, "--memory", "4M", "--json");
        CliResult traced = Cli.Run("boot", "--arch", arch, "--memory", "4M", "--trace", Path.Combine(this.folder, "t"), "--json");
        Assert.That(plain.Status, Is.EqualTo(ExitCodes.Fine), plain.Error);
        Assert.That(traced, Is.EqualTo(plain));
    }

    [TestCase("x86", "none")]
    [TestCase("x86", "v12")]
    [TestCase("x86", "filemap")]
    [TestCase("arm64", "filemap")]
    public void TenBootsSayTheSameToThePicosecond(string arch, string strategy)
    {
        string[] args = ["boot", "--arch", arch, "--strategy", strategy, "--memory", "4M", "--json"];
        string first = Cli.Run(args).Output;
        Assert.That(first, Does.Contain("simulatedPs"));

        // Threads that make the host schedule otherwise than it would.
        using var noise = new Noise();
        for (int i = 1; i < 10; i++)
            Assert.That(Cli.Run(args).Output, Is.EqualTo(first), $"boot {i}");
    }

    [TestCase("x86", 2)]
    [TestCase("x86", 3)]
    [TestCase("arm64", 2)]
    public void WithSeveralVcpusOnlyWhatTheirRaceDecidesDiffers(string arch, int vcpus)
    {
        string[] args = ["boot", "--arch", arch, "--vcpus", $"{vcpus}", "--memory", "4M", "--json"];
        string first = Settled(Cli.Run(args));
        for (int i = 1; i < 3; i++)
            Assert.That(Settled(Cli.Run(args)), Is.EqualTo(first), $"boot {i}");

        // Which CPU was first shows in clocks, in who polls how often for whom, and in which page frames are taken; not in what was asked for.
        static string Settled(CliResult result)
        {
            JsonNode report = JsonNode.Parse(result.Output)!;
            string[] settled = ["PageClear", "TdpPteWrite", "UserPteWrite", "KernelLoadByte", "KernelStoreByte"];
            var exposure = report["exposure"]!;
            IEnumerable<string> lines =
            [
                result.Error,
                .. ((string)report["serial"]!).Split('\n').Where(l => !l.Contains("device reads", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
                report["exits"]!.ToJsonString(),
                report["before"]!.ToJsonString(),
                report["after"]!["absent4K"]!.ToJsonString(),
                .. report["events"]!.AsArray().Where(e => settled.Contains((string?)e!["name"])).Select(e => e!.ToJsonString()),
                $"{report["halted"]} {report["guestVerdict"]} {report["pagesVerified"]} {report["problems"]!.ToJsonString()}",
                $"{exposure["reachable"]} {exposure["pagesProtected"]} {exposure["violations"]}",
                .. exposure["windows"]!.AsArray().Select(w => $"{w!["via"]} {w["allowed"]} {w["count"]}"),
            ];
            return string.Join('\n', lines);
        }
    }

    private sealed class Noise : IDisposable
    {
        private readonly Thread[] _threads;
        private volatile bool _stop;

        internal Noise()
        {
            _threads = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
            {
                while (!_stop)
                    Thread.SpinWait(1000);
            }))];
            Array.ForEach(_threads, t => t.Start());
        }

        public void Dispose()
        {
            _stop = true;
            Array.ForEach(_threads, t => t.Join());
        }
    }
}
