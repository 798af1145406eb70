// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using KvmSharp.Analyzers.CodeFixes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;

namespace KvmSharp.Analyzers.Tests;

/// <summary>
/// Every file below FixSamples is one case: the text before, and the text after everything was fixed.
/// Each diagnostic is also fixed alone. Whatever comes out compiles and no longer has the diagnostic.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class CodeFixTests
{
    private const string Divider = "// ==== fixed\n";

    private static readonly string[] Expected =
    [
        "KS1001 AddMustHold", "KS1001 WrapInLock", "KS1002 AddMustHold", "KS1002 WrapInLock", "KS1003 AddMustHold", "KS1003 WrapInLock",
        "KS1004 AddMustNotHold", "KS1004 MoveAfterRelease", "KS1005 AddMustNotHold", "KS1005 MoveAfterRelease",
        "KS1006 RemoveRelease", "KS1007 InsertRelease", "KS1007 ConvertToUsing", "KS1007 ConvertToTryFinally",
        "KS1008 AddAcquisition", "KS1008 DropAttribute", "KS1010 SwapAcquisitions", "KS1012 AddMustHold", "KS1012 ReturnCopy",
        "KS2001 InsertDrop", "KS2001 AddReturnsReference", "KS2002 RemoveDrop", "KS2004 RemoveDrop", "KS2004 InsertGet", "KS2005 InsertDrop",
        "KS3003 InsertFlush", "KS4001 AssignAndTest", "KS4001 DiscardResult", "KS4002 InsertErrorTest", "KS4003 NegateErrno",
        "KS9001 NearestName", "KS9003 CopyBaseContract",
    ];

    private static IEnumerable<TestCaseData> Files
        => Resources.FixSamples.Select(name => new TestCaseData(name).SetArgDisplayNames(name["FixSamples/".Length..^".cs".Length]));

    [Test]
    public void EveryRowOfTheTableHasACase()
        => Assert.That(Resources.FixSamples.Select(name => name.Split('/')[1].Replace('_', ' ')).Distinct(), Is.SupersetOf(Expected));

    [Test]
    public void EveryFixedRuleIsOffered()
        => Assert.That(new KvmSharpCodeFixProvider().FixableDiagnosticIds, Is.EquivalentTo(Expected.Select(row => row.Split(' ')[0]).Distinct()));

    [TestCaseSource(nameof(Files))]
    public async Task FixingAllGivesTheTextAfter(string file)
    {
        (string id, string key, Sample before, string after) = Read(file);
        foreach (FixAllScope scope in new[] { FixAllScope.Document, FixAllScope.Project, FixAllScope.Solution })
        {
            Solution solution = FixVerifier.Open(before, projects: scope == FixAllScope.Solution ? 2 : 1);
            using Workspace workspace = solution.Workspace;
            Document document = solution.Projects.First().Documents.First(candidate => candidate.Name == "Sample.cs");
            Solution done = await FixVerifier.FixAllAsync(document, scope, id, key);
            foreach (Document changed in done.Projects.SelectMany(project => project.Documents).Where(changed => changed.Name is "Sample.cs" or "Second.cs"))
            {
                bool inScope = scope == FixAllScope.Document ? changed.Id == document.Id : scope != FixAllScope.Project || changed.Project.Id == document.Project.Id;
                string text = (await changed.GetTextAsync()).ToString();
                string wanted = (changed.Name == "Second.cs" ? "namespace Second;\n\n" : string.Empty) + (inScope ? after : before.Source);
                if (scope == FixAllScope.Document && inScope && Environment.GetEnvironmentVariable("KVMSHARP_WRITE_FIXES") == "1")
                {
                    string path = Path.Combine(Dotnet.Root, "tests", "KvmSharp.Analyzers.Tests", file);
                    File.WriteAllText(path, Resources.Read(file).Split(Divider)[0] + Divider + text);
                    return;
                }

                Assert.That(text, Is.EqualTo(wanted), $"{scope} {changed.Name}");
                if (!inScope)
                    continue;
                Assert.That(await FixVerifier.ErrorsAsync(changed.Project), Is.Empty, "what comes out must compile");
                ImmutableArray<Diagnostic> left = await FixVerifier.AnalyzeAsync(changed.Project, changed);
                Assert.That(left.Where(diagnostic => diagnostic.Id == id), Is.Empty);
            }
        }
    }

    [TestCaseSource(nameof(Files))]
    public async Task EachAloneCompilesAndIsGone(string file)
    {
        (string id, string key, Sample before, _) = Read(file);
        Solution solution = FixVerifier.Open(before, projects: 1);
        using Workspace workspace = solution.Workspace;
        Document document = solution.Projects.Single().Documents.First(candidate => candidate.Name == "Sample.cs");
        Diagnostic[] all = [.. (await FixVerifier.AnalyzeAsync(document.Project, document)).Where(diagnostic => diagnostic.Id == id)];
        Assert.That(all, Is.Not.Empty, "the sample must have the diagnostic");
        foreach (Diagnostic diagnostic in all)
        {
            CodeAction? offer = (await FixVerifier.OffersAsync(document, diagnostic)).FirstOrDefault(action => action.EquivalenceKey == key);
            Assert.That(offer, Is.Not.Null, $"no {key} for {diagnostic}");
            Solution done = await FixVerifier.ApplyAsync(offer!);
            Document changed = done.GetDocument(document.Id)!;
            Assert.That(await FixVerifier.ErrorsAsync(changed.Project), Is.Empty, (await changed.GetTextAsync()).ToString());
            int left = (await FixVerifier.AnalyzeAsync(changed.Project, changed)).Count(other => other.Id == id);
            Assert.That(left, Is.LessThan(all.Length), (await changed.GetTextAsync()).ToString());
        }
    }

    private static IEnumerable<TestCaseData> Violations
        => Resources.Samples.Where(name => name.Contains("/MustWarn/", StringComparison.Ordinal))
            .Select(name => new TestCaseData(name).SetArgDisplayNames(name["Samples/".Length..^".cs".Length]));

    /// <summary>The whole corpus is a test of the fixes: whatever is offered anywhere compiles, and one diagnostic less is left.</summary>
    /// <param name="file">Sample of the corpus.</param>
    /// <returns>The task.</returns>
    [TestCaseSource(nameof(Violations))]
    public async Task WhateverIsOfferedAnywhereCompilesAndHelps(string file)
    {
        Sample sample = Sample.Parse(file, Resources.Read(file));
        if (sample.ExternalAnnotations is not null || sample.Path != "Sample.cs" || sample.Source.Contains("args.Length", StringComparison.Ordinal))
            return;
        Solution solution = FixVerifier.Open(sample, projects: 1, second: false);
        using Workspace workspace = solution.Workspace;
        Document document = solution.Projects.Single().Documents.First(candidate => candidate.Name == "Sample.cs");
        ImmutableArray<Diagnostic> all = await FixVerifier.AnalyzeAsync(document.Project, document);
        var seen = new HashSet<(string Id, string? Key)>();
        foreach (Diagnostic diagnostic in all)
        {
            foreach (CodeAction offer in await FixVerifier.OffersAsync(document, diagnostic))
            {
                if (!seen.Add((diagnostic.Id, offer.EquivalenceKey)))
                    continue;
                Document changed = (await FixVerifier.ApplyAsync(offer)).GetDocument(document.Id)!;
                string text = $"{offer.EquivalenceKey} for {diagnostic}:\n{await changed.GetTextAsync()}";
                Assert.That(await FixVerifier.ErrorsAsync(changed.Project), Is.Empty, text);
                int left = (await FixVerifier.AnalyzeAsync(changed.Project, changed)).Count(other => other.Id == diagnostic.Id);
                Assert.That(left, Is.LessThan(all.Count(other => other.Id == diagnostic.Id)), text);
            }
        }
    }

    [TestCaseSource(nameof(Files))]
    public void CommentsStay(string file)
    {
        (_, _, Sample before, string after) = Read(file);
        foreach (string comment in before.Source.Split('\n').Where(line => line.Contains("// keep", StringComparison.Ordinal)).Select(line => line[line.IndexOf("// keep", StringComparison.Ordinal)..]))
            Assert.That(after, Does.Contain(comment));
    }

    private static (string Id, string Key, Sample Before, string After) Read(string file)
    {
        string[] name = file.Split('/')[1].Split('_');
        string[] parts = Resources.Read(file).Split(Divider);
        string text = parts[0];
        int start = 0;
        while (text[start..].StartsWith("// SPDX", StringComparison.Ordinal) || text[start..].StartsWith("// KvmSharp only", StringComparison.Ordinal) || text[start] == '\n')
            start = text.IndexOf('\n', start) + 1;
        return (name[0], name[1], Sample.Parse(file, text[start..]), parts.Length > 1 ? parts[1] : string.Empty);
    }
}
