// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KvmSharp.Analyzers.Tests;

/// <summary>Every file below Samples is one case: the set of (line, id) pairs must be exactly the marked one.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class SampleTests
{
    private static IEnumerable<TestCaseData> Files
        => Resources.Samples.Select(name => new TestCaseData(name).SetArgDisplayNames(name["Samples/".Length..^".cs".Length]));

    [TestCaseSource(nameof(Files))]
    public async Task ReportsExactlyTheMarkedLines(string file)
    {
        Sample sample = Sample.Parse(file, Resources.Read(file));
        ImmutableArray<Diagnostic> found = await Verifier.AnalyzeAsync(Analyzer(), sample, Compile(sample));
        if (!file.Contains("/NoCrash/", StringComparison.Ordinal) && Verifier.Compare(sample, found) is { } difference)
            Assert.Fail(file + "\n" + difference);
    }

    [TestCaseSource(nameof(Files))]
    public void CompilesAndStandsInTheFolderOfItsKind(string file)
    {
        Sample sample = Sample.Parse(file, Resources.Read(file));
        if (!sample.Broken)
            Assert.That(Verifier.Errors(Compile(sample)), Is.Empty);
        string[] parts = file.Split('/');
        if (parts[2] is "MustNotWarn" or "NoCrash")
        {
            Assert.That(sample.Expected, Is.Empty);
            return;
        }

        Assert.That(parts[2], Is.EqualTo("MustWarn"));
        Assert.That(sample.Expected.Select(expected => expected.Id), Does.Contain(parts[1].Split('_')[0]));
    }

    private static CSharpCompilation Compile(Sample sample)
        => Verifier.Compile(sample, ("Prelude.cs", Resources.Read("Samples/Prelude.cs")));

    private static KvmSharpAnalyzer Analyzer() => new();
}
