// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed class CostModelTests
{
    private static string Good => CostModel.Default(Isa.X86_64).ToJson();

    [TestCase(Isa.X86_64)]
    [TestCase(Isa.Arm64)]
    public void WhatIsWrittenReadsBackTheSame(Isa isa)
    {
        CostModel a = CostModel.Default(isa);
        CostModel b = CostModel.FromJson(a.ToJson());
        Assert.That(b.Name, Is.EqualTo(a.Name));
        foreach (HwEvent e in Enum.GetValues<HwEvent>())
        {
            Assert.That(b[e], Is.EqualTo(a[e]), e.ToString());
            Assert.That(b.SourceOf(e), Is.EqualTo(a.SourceOf(e)).And.Not.Empty, e.ToString());
        }
    }

    [Test]
    public void DefaultsKeepTheQuotedRatios()
    {
        CostModel c = CostModel.Default(Isa.X86_64);
        long unit = c[HwEvent.TlbFlushLocalAll];
        Assert.That(c[HwEvent.TlbFlushLocalPage], Is.EqualTo(unit));
        Assert.That(c[HwEvent.IpiSent] + c[HwEvent.IpiReceived], Is.EqualTo(20 * unit));
        Assert.That(c[HwEvent.TlbBroadcastInvalidate], Is.EqualTo(10 * unit));
    }

    [TestCase("\"unit\": \"ps\"", "\"unit\": \"ns\"", "unit")]
    [TestCase("\"name\": \"x86-64 default\"", "\"name\": 3", "name")]
    [TestCase("\"name\"", "\"nmae\"", "nmae")]
    [TestCase("\"costs\"", "\"prices\"", "prices")]
    [TestCase("\"VmExit\"", "\"VmExlt\"", "costs.VmExlt")]
    [TestCase("\"VmExit\"", "\"17\"", "costs.17")]
    [TestCase("\"VmExit\"", "\"VmEntry\"", "costs.VmEntry")]
    [TestCase("\"ps\": 600000", "\"ps\": -1", "costs.VmExit.ps")]
    [TestCase("\"ps\": 600000", "\"ps\": 1.5", "costs.VmExit.ps")]
    [TestCase("\"ps\": 600000", "\"ps\": 1e30", "costs.VmExit.ps")]
    [TestCase("\"ps\": 600000", "\"ps\": \"600000\"", "costs.VmExit.ps")]
    [TestCase("\"ps\": 600000,", "", "costs.VmExit.ps")]
    [TestCase("\"ps\": 600000,", "\"ps\": 600000, \"x\": 1,", "costs.VmExit.x")]
    public void ABadKeyIsNamed(string from, string to, string key)
    {
        string json = Good;
        Assert.That(json, Does.Contain(from));
        MachineException e = Assert.Throws<MachineException>(() => CostModel.FromJson(json.Replace(from, to, StringComparison.Ordinal), "my.json"))!;
        Assert.That(e.Message, Does.StartWith("my.json: ").And.Contain("'" + key + "'").And.Not.Contain("\n"));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("null")]
    [TestCase("{}")]
    public void WhatIsNoModelIsRefused(string json) =>
        Assert.That(() => CostModel.FromJson(json, "my.json"), Throws.TypeOf<MachineException>().With.Message.StartsWith("my.json: "));

    [Test]
    public void AMissingFileIsNamed() =>
        Assert.That(() => CostModel.Load("/nonexistent/costs.json"), Throws.TypeOf<MachineException>().With.Message.StartsWith("/nonexistent/costs.json: "));

    [Test]
    public void AnEventThatIsNotPricedIsNamed()
    {
        System.Text.Json.Nodes.JsonNode n = System.Text.Json.Nodes.JsonNode.Parse(Good)!;
        n["costs"]!.AsObject().Remove("PageCopy");
        Assert.That(() => CostModel.FromJson(n.ToJsonString()), Throws.TypeOf<MachineException>().With.Message.Contains("'costs.PageCopy' is missing"));
    }
}
