// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Analyzers.Tests;

/// <summary>The judge is judged first: it must see a missing, an extra and a misplaced report, a crash and a compile error.</summary>
[TestFixture]
public sealed class HarnessTests
{
    [TestCase("class C { int bad; } // KS1001", true)]
    [TestCase("class C { int {|KS1001:bad|}; }", true)]
    [TestCase("class C { int {|KS1001:bad;|} }", false)]
    [TestCase("class C { int bad; }", false)]
    [TestCase("class C { int good; } // KS1001", false)]
    [TestCase("class C {\n int bad; // KS1001\n int x; }", true)]
    [TestCase("class C {\n int bad;\n int x; } // KS1001", false)]
    [TestCase("class C { int bad; } // KS1001 KS1002", false)]
    [TestCase("class C { (int a, int b) bad, bad2; } // KS1001 -- counted once", true)]
    [TestCase("class C { string s = \"// KS1001\"; }", true)]
    public async Task ComparesLinesAndIdsExactly(string source, bool agrees)
    {
        Sample sample = Sample.Parse("case", source);
        ImmutableArray<Diagnostic> found = await Verifier.AnalyzeAsync(new NamesThatStartWithBad(), sample, Verifier.Compile(sample));
        Assert.That(Verifier.Compare(sample, found) is null, Is.EqualTo(agrees));
    }

    [Test]
    public void AnAnalyzerThatThrowsIsAnError()
    {
        Sample sample = Sample.Parse("case", "class C { int crash; }");
        Assert.That(
            () => Verifier.AnalyzeAsync(new NamesThatStartWithBad(), sample, Verifier.Compile(sample)),
            Throws.InvalidOperationException.With.Message.Contains("boom"));
    }

    [Test]
    public void HeaderLinesSetOptions()
    {
        Sample sample = Sample.Parse("case", """
            // broken
            // option: kvmsharp.exceptional_exits = all
            // global option: kvmsharp.generated_code = analyze
            // nullable: disable
            // path: Thing.g.cs
            // annotation: M:A.B : MustHold("x")
            class C { }
            """);
        Assert.Multiple(() =>
        {
            Assert.That(sample.Broken);
            Assert.That(sample.TreeOptions["kvmsharp.exceptional_exits"], Is.EqualTo("all"));
            Assert.That(sample.GlobalOptions["kvmsharp.generated_code"], Is.EqualTo("analyze"));
            Assert.That(sample.Nullable, Is.EqualTo(NullableContextOptions.Disable));
            Assert.That(sample.Path, Is.EqualTo("Thing.g.cs"));
            Assert.That(sample.ExternalAnnotations, Is.EqualTo("M:A.B : MustHold(\"x\")\n"));
        });
    }

    [Test]
    public void CompileErrorsAreSeen()
    {
        Sample sample = Sample.Parse("case", "class C { Missing m; }");
        Assert.That(Verifier.Errors(Verifier.Compile(sample)), Is.Not.Empty);
    }

    [Test]
    public void AttributesAreInReachUnderTheirNames()
    {
        Sample sample = Sample.Parse("case", "class C { readonly object l = new(); [GuardedBy(\"l\")] int x; }");
        Assert.That(Verifier.Errors(Verifier.Compile(sample)), Is.Empty);
    }

#pragma warning disable RS1036, RS1038, RS2008, RS1001 // A stand-in for tests, never shipped.
    private sealed class NamesThatStartWithBad : DiagnosticAnalyzer
    {
        private static readonly DiagnosticDescriptor Rule = new("KS1001", "t", "m", "c", DiagnosticSeverity.Warning, isEnabledByDefault: true);

        public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics => [Rule];

        public override void Initialize(AnalysisContext context)
        {
            context.EnableConcurrentExecution();
            context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
            context.RegisterSyntaxNodeAction(
                node =>
                {
                    var variable = (VariableDeclaratorSyntax)node.Node;
                    if (variable.Identifier.ValueText == "crash")
                        throw new NotSupportedException("boom");
                    if (variable.Identifier.ValueText.StartsWith("bad", StringComparison.Ordinal))
                        node.ReportDiagnostic(Diagnostic.Create(Rule, variable.Identifier.GetLocation()));
                },
                SyntaxKind.VariableDeclarator);
        }
    }
#pragma warning restore
}
